// Runs inside a page (browser-checks.ts). Every function returns findings, one line each; none means that all is well.
globalThis.pageChecks = (() => {
  const short = (element) => element.outerHTML.slice(0, 160)
  const interactive = 'a[href], button, input:not([type=hidden]), select, textarea'

  /** Hidden, or inside a part that scrolls by itself. */
  const apart = (element) => element.closest('.scroll, .visually-hidden, .pads ul, pre') !== null

  const violations = async (options) => {
    const results = await globalThis.axe.run({ resultTypes: ['violations'], ...options })
    return results.violations.flatMap(({ id, help, nodes }) =>
      nodes.map((node) => `${id}: ${help}: ${node.html} ${node.failureSummary ?? ''}`),
    )
  }

  return {
    /** Everything that axe knows. */
    axe: () => violations({ rules: { 'target-size': { enabled: true } } }),

    /** What axe finds wrong with colours alone. */
    colours: () => violations({ runOnly: ['color-contrast', 'link-in-text-block'] }),

    /** A page that scrolls sideways (WCAG 1.4.10). */
    width() {
      const { scrollWidth, clientWidth } = document.documentElement
      if (scrollWidth <= clientWidth) return []
      const beyond = [...document.body.querySelectorAll('*')].filter(
        (element) => element.getBoundingClientRect().right > clientWidth + 1 && !apart(element),
      )
      return [`${scrollWidth} px wide in ${clientWidth} px: ${beyond.slice(0, 3).map(short).join(' | ')}`]
    },

    /** Targets below 24 by 24 CSS pixels that do not stand within a sentence (WCAG 2.5.8). */
    targets() {
      return [...document.querySelectorAll(interactive)].flatMap((target) => {
        if (target.closest('p, .text, .markdown') !== null && getComputedStyle(target).display === 'inline') return []
        const area = target.matches('[type=radio], [type=checkbox]') ? (target.closest('label') ?? target) : target
        const { width, height } = area.getBoundingClientRect()
        if (target.matches('.skip') || width === 0 || (width >= 23.9 && height >= 23.9)) return []
        return [`${width.toFixed(1)} by ${height.toFixed(1)} px is too small a target: ${short(target)}`]
      })
    },

    /** What takes no focus, or does not show it (WCAG 2.4.7). */
    focus() {
      const before = document.activeElement
      const findings = [...document.querySelectorAll(interactive)].flatMap((element) => {
        if (element.getClientRects().length === 0) return []
        element.focus({ focusVisible: true, preventScroll: true })
        const { outlineStyle, outlineWidth } = getComputedStyle(element)
        if (document.activeElement !== element) return [`takes no focus: ${short(element)}`]
        return outlineStyle === 'none' || Number.parseFloat(outlineWidth) < 2 ? [`does not show its focus: ${short(element)}`] : []
      })
      document.activeElement.blur()
      before.focus()
      return findings
    },

    /** What moves although the reader asked for no motion (WCAG 2.3.3). */
    motion() {
      return [document.documentElement, ...document.querySelectorAll('*')].flatMap((element) => {
        const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element)
        return transitionDuration !== '0s' || animationName !== 'none' || scrollBehavior !== 'auto' ? [`moves: ${short(element)}`] : []
      })
    },

    /** Code in the document itself, which a strict policy forbids. */
    inline() {
      return [...document.querySelectorAll('*')].flatMap((element) => {
        const handler = [...element.attributes].find(({ name }) => name.startsWith('on') || name === 'style')
        if (handler !== undefined || element.localName === 'style') return [`holds code or style: ${short(element)}`]
        return element.localName === 'script' && element.textContent !== '' ? [`inline script: ${short(element)}`] : []
      })
    },

    /** Zooms the text alone, or spaces it out as WCAG 1.4.12 says. A constructed sheet passes the policy. */
    restyle(css) {
      const sheet = new CSSStyleSheet()
      sheet.replaceSync(css)
      document.adoptedStyleSheets = css === '' ? [] : [sheet]
    },
  }
})()
