/**
 * The one script, for comfort only: every page works without it. It shows times in the reader's zone, sends a form once, saves with
 * Ctrl+Enter (⌘+Enter), reaches search with Ctrl+K (⌘+K), warns before typed text is lost, and moves the focus to the first error.
 * A module of the page, so it is deferred and strict by itself.
 */
export const script = /* js */ `
const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const month = new Intl.DateTimeFormat('en-GB', { month: 'short' })
const startOfDay = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate())
const daysAgo = (date) => Math.round((startOfDay(new Date()) - startOfDay(date)) / 86400000)

for (const element of document.querySelectorAll('time[datetime]')) {
  const date = new Date(element.dateTime)
  if (Number.isNaN(date.getTime())) continue
  const days = daysAgo(date)
  const at = clock.format(date)
  const full = String(date.getDate()).padStart(2, '0') + ' ' + month.format(date).slice(0, 3) + '. ' + date.getFullYear()
  if (element.dataset.form === 'full') element.textContent = full + ' ' + at
  else if (days === 0) element.textContent = 'Today at ' + at
  else if (days === 1) element.textContent = 'Yesterday'
  else if (days > 1 && days < 8) element.textContent = days + ' days ago'
  else element.textContent = full
  element.title = full + ' ' + at + ' (' + zone + ')'
}

document.querySelector('.error-summary')?.focus()

let unsaved = false
for (const form of document.querySelectorAll('form[method="post"]')) {
  let sent = false
  form.addEventListener('submit', (event) => {
    if (sent) event.preventDefault()
    sent = true
    unsaved = false
  })
  addEventListener('pageshow', () => { sent = false })
  if (form.classList.contains('keep')) form.addEventListener('input', () => { unsaved = true })
}
addEventListener('beforeunload', (event) => { if (unsaved) event.preventDefault() })

addEventListener('keydown', (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return
  if (event.key === 'Enter') {
    const form = event.target instanceof Element ? event.target.closest('form.keep') : null
    if (form) { event.preventDefault(); form.requestSubmit() }
  } else if (event.key === 'k') {
    const search = document.querySelector('input[type="search"]')
    if (search) { event.preventDefault(); search.focus(); search.select() }
  }
})
`
