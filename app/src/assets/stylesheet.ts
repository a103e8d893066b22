/**
 * The whole style sheet. Notejam's look (narrow "My pads", wide content, quiet greys) with colours that pass WCAG 2.2 AA in both
 * themes; `stylesheet.test.ts` computes the contrasts. It is a module, so that the bundled image is one file and starting reads nothing.
 */
export const stylesheet = /* css */ `
:root {
  color-scheme: light dark;
  --page: #ffffff;
  --raised: #f6f6f6;
  --text: #444444;
  --strong: #222222;
  --heading: #555555;
  --muted: #666666;
  --rule: #dddddd;
  --border: #858585;
  --button: #eeeeee;
  --button-hover: #dddddd;
  --danger: #c00000;
  --focus: #1a5fb4;
  --mark: #fff2a8;
  --success-text: #2d662e;
  --success-page: #dff0d8;
  --success-rule: #b5d6a5;
  --error-text: #93322f;
  --error-page: #f2dede;
  --error-rule: #e0b4b4;
  --sans: "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #1b1b1b;
    --raised: #262626;
    --text: #cccccc;
    --strong: #f0f0f0;
    --heading: #bbbbbb;
    --muted: #a6a6a6;
    --rule: #3d3d3d;
    --border: #8c8c8c;
    --button: #333333;
    --button-hover: #3d3d3d;
    --danger: #ff8f87;
    --focus: #8ab4f8;
    --mark: #5c5100;
    --success-text: #a9dba9;
    --success-page: #1d331e;
    --success-rule: #35593a;
    --error-text: #f4b6b2;
    --error-page: #3b2020;
    --error-rule: #6a3a3a;
  }
}
*, ::before, ::after { box-sizing: border-box; }
html { font: 87.5%/1.5 var(--sans); -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--text); overflow-wrap: anywhere; }
.page { max-width: 64rem; margin: 0 auto; padding: 2rem 1.25rem; }
a { color: var(--strong); text-underline-offset: .15em; }
a:hover { color: var(--strong); text-decoration-thickness: 2px; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 2px; }
input:focus-visible, select:focus-visible, textarea:focus-visible { outline-offset: 0; border-color: var(--focus); }
p { margin: 0 0 1rem; }
hr { border: 0; border-top: 1px solid var(--rule); margin: 1rem 0; }
h1, h2, h3, h4, h5, h6 { color: var(--heading); line-height: 1.25; text-wrap: pretty; }
h2 { font-size: 1.5rem; margin: 0 0 .75rem; }
* + h2 { margin-top: 2.25rem; }
h3 { font-size: 1.2rem; margin: 1.5rem 0 .5rem; }
h4, h5, h6 { font-size: 1rem; margin: 1.25rem 0 .4rem; }
h1 { margin: 0 0 2rem; font-weight: normal; font-size: 1.65rem; letter-spacing: -.02em; }
.logo { font-size: 2em; letter-spacing: -.03em; color: var(--heading); text-decoration: none; margin-right: .15em; }
.logo strong { font-weight: bold; }
.skip { position: absolute; left: .5rem; top: -10rem; padding: .5rem 1rem; background: var(--page); z-index: 1; }
.skip:focus { top: .5rem; }
.logo:focus-visible { outline-offset: 4px; }
.visually-hidden { position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

.account { float: right; display: flex; flex-wrap: wrap; gap: .25rem .9rem; align-items: center; justify-content: flex-end; font-size: .9rem; max-width: 100%; padding-left: 1rem; }
.account .who { max-width: 18rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.account form { display: inline; }
.account a, button.link { display: inline-block; min-width: 24px; min-height: 24px; line-height: 24px; }
button.link { border: 0; padding: 0; background: none; color: var(--strong); font: inherit; line-height: 24px; text-decoration: underline; cursor: pointer; text-underline-offset: .15em; }
button.link:hover { text-decoration-thickness: 2px; }

.columns { display: grid; grid-template-columns: 11.5rem minmax(0, 1fr); gap: 0 1.75rem; clear: both; }
.pads h2 { margin: .35rem 0 .6rem; }
.pads ul { list-style: none; margin: 0; padding: 0; }
.pads a { display: block; padding: .25rem 0; min-height: 24px; line-height: 1.4; color: var(--heading); text-decoration: none; }
.pads a:hover { color: var(--strong); text-decoration: underline; }
.pads [aria-current] { font-weight: bold; color: var(--strong); }
.empty { color: var(--muted); font-style: italic; }
main > .empty { padding: 1.5rem 0; }
.search { display: flex; gap: .5rem; margin: 0 0 1.5rem; }
.search input { flex: 1; min-width: 0; margin: 0; width: 100%; }
main { min-height: 24rem; min-width: 0; }
.narrow { max-width: 24rem; margin: 2rem auto 0; }
form.narrow { margin: 2rem 0 0; }
form.narrow h2 { margin-top: 0; }
.wide-form { max-width: 40rem; }
.wide-form input[type="password"] { max-width: 24rem; }
main > ul { padding-left: 1.2rem; }
main > ul li { padding: .1rem 0; }
main > ul a { display: inline-block; min-height: 24px; line-height: 24px; }

.alert { text-align: center; border: 1px solid; border-radius: 3px; padding: .6rem 1rem; margin: 0 0 1.5rem; }
.alert p { margin: 0 0 .4rem; }
.alert p:last-child { margin: 0; }
.alert code { font-weight: bold; user-select: all; }
.alert form { display: inline; margin-left: .5rem; }
.alert-success { color: var(--success-text); background: var(--success-page); border-color: var(--success-rule); }
.notice { color: var(--text); background: var(--raised); border: 1px solid var(--border); border-radius: 3px; padding: .6rem 1rem; margin: 0 0 1.5rem; text-align: center; }
.alert-error { color: var(--error-text); background: var(--error-page); border-color: var(--error-rule); }
.alert a, .alert button.link { color: inherit; }
.error-summary { text-align: left; }
.error-summary h2 { font-size: 1.1rem; color: inherit; margin: 0 0 .3rem; }
.error-summary ul { margin: 0; padding-left: 1.2rem; }
.error-summary a { display: inline-block; min-height: 24px; vertical-align: top; }

table { border-collapse: collapse; width: 100%; margin: 0 0 1.25rem; font-size: .95rem; table-layout: fixed; }
.scroll { position: relative; overflow-x: auto; padding: 2px; margin: -2px; }
.scroll table { min-width: 42rem; }
th { text-align: left; font-weight: bold; padding: .4rem .7rem; vertical-align: bottom; overflow-wrap: break-word; }
td { border-top: 1px solid var(--rule); padding: .7rem; vertical-align: top; }
td:has(> form) { padding-top: .55rem; padding-bottom: .55rem; }
.notes th:first-child { width: 52%; }
.notes th:last-child { width: 13.5rem; }
.notes td { padding-top: .55rem; padding-bottom: .55rem; line-height: 24px; }
.notes td a { display: inline-block; min-width: 24px; min-height: 24px; }
.notes .pad { color: var(--muted); }
.notes .when, .notes th:last-child { text-align: right; }
time { color: var(--muted); font-style: italic; }
.order { white-space: nowrap; }
.order a { display: inline-block; min-width: 24px; line-height: 24px; text-align: center; text-decoration: none; color: var(--muted); }
.order a:hover, .order a[aria-current] { color: var(--strong); }
.order a[aria-current] { text-decoration: underline; text-decoration-thickness: 2px; }

.pagination { margin: 0 0 1.25rem; }
.pagination ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem; margin: 0; padding: 0; }
.pagination a, .pagination [aria-current], .pagination .gap { display: inline-block; min-width: 32px; line-height: 32px; padding: 0 .3rem; text-align: center; border-radius: 3px; }
.pagination a:hover { background: var(--button); }
.pagination [aria-current] { font-weight: bold; color: var(--strong); background: var(--raised); }

label, legend { display: block; font-weight: bold; font-size: .95rem; margin: 0 0 .25rem; }
.field { margin: 0 0 1.1rem; }
.hint { color: var(--muted); font-size: .9rem; margin: 0 0 1rem; }
.field .hint { margin: 0 0 .25rem; }
dt { font-weight: bold; }
dd { margin: 0 0 .75rem; }
input, select, textarea { font: inherit; color: var(--text); background: var(--page); border: 1px solid var(--border); border-radius: 2px; padding: .45rem .5rem; width: 100%; }
input[type="radio"], input[type="checkbox"] { width: auto; margin: 0 .4rem 0 0; min-width: 1.1em; min-height: 1.1em; }
label.choice { font-weight: normal; padding: .2rem 0; }
textarea { min-height: 18rem; resize: vertical; line-height: 1.5; field-sizing: content; max-height: 70vh; }
select { min-height: 2.4rem; max-width: 24rem; text-overflow: ellipsis; }
::placeholder { color: var(--muted); opacity: 1; }
[aria-invalid="true"] { border-color: var(--danger); border-width: 2px; }
.errorlist { list-style: none; margin: .3rem 0 0; padding: 0; color: var(--danger); font-size: .95rem; }
.errorlist li::before { content: "\\26A0\\FE0E\\00A0"; }
fieldset { border: 0; margin: 0 0 1.1rem; padding: 0; }

.button, button:not(.link) { display: inline-flex; align-items: center; justify-content: center; min-height: 2.4rem; padding: .4rem .9rem; font: bold .85rem/1.3 var(--sans); color: var(--strong); background: var(--button); border: 1px solid var(--border); border-radius: 3px; text-decoration: none; cursor: pointer; }
.button:hover, button:not(.link):hover { background: var(--button-hover); }
.actions { display: flex; flex-wrap: wrap; gap: .6rem 1.1rem; align-items: center; margin: 0 0 1.25rem; }
.actions a:not(.button) { display: inline-block; min-height: 24px; line-height: 24px; }
.actions .end { margin-left: auto; }
main > .actions { margin-top: 1.75rem; }
.danger, button.danger:not(.link), a.danger { color: var(--danger); }

.text, .markdown { max-width: 46rem; margin: 0 0 1.5rem; line-height: 1.6; }
.text { white-space: pre-wrap; }
/* Every paragraph runs the way its own letters run, whatever the page around it does. */
h1 span, h3, .pads a, td, .text, .markdown :is(p, li, h2, h3, h4, h5, h6, th, td), .compare pre, input:not([type="email"], [type="password"]), textarea, option { unicode-bidi: plaintext; }
.markdown > :first-child { margin-top: 0; }
.markdown > :last-child { margin-bottom: 0; }
.markdown :is(h2, h3) { margin: 1.75rem 0 .6rem; }
.markdown :is(ul, ol) { margin: 0 0 1rem; padding-left: 1.8rem; }
.markdown li > :is(ul, ol) { margin: 0; }
.markdown li { margin: .15rem 0; }
.markdown hr { margin: 1.5rem 0; }
.markdown pre, .compare pre { white-space: pre-wrap; font: .93rem/1.5 var(--mono); background: var(--raised); padding: .75rem .9rem; margin: 0 0 1rem; border-radius: 3px; }
.compare pre { font-family: inherit; font-size: 1rem; }
.compare h2, .compare h3 { margin-top: 0; }
code { font: .93em var(--mono); }
.markdown :not(pre) > code { background: var(--raised); padding: .1em .3em; border-radius: 2px; }
.markdown pre code { font: inherit; }
.markdown blockquote { margin: 0 0 1rem; padding-left: 1rem; border-left: 3px solid var(--rule); color: var(--muted); }
.markdown blockquote > :last-child { margin-bottom: 0; }
.markdown table { table-layout: auto; width: auto; min-width: 50%; }
.markdown :is(th, td) { padding: .4rem .7rem; overflow-wrap: anywhere; }
main > table:not(.notes) th:first-child { width: 45%; }
.preview { border: 1px dashed var(--border); padding: 1rem; margin: 0 0 1.25rem; }
.compare { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 1.25rem; }
mark { background: var(--mark); color: inherit; }
.results { list-style: none; margin: 0; padding: 0; }
.results li { border-top: 1px solid var(--rule); padding: .8rem 0; }
.results li:first-child { border-top: 0; padding-top: 0; }
.results .hint { margin-left: .4rem; }
main > .results { padding-left: 0; }
.results p { margin: .2rem 0 0; }

footer { clear: both; border-top: 1px solid var(--rule); margin-top: 2.5rem; padding-top: .8rem; font-size: .9rem; color: var(--muted); }

@media (max-width: 47.9375rem) {
  .page { padding: .75rem 1rem 1.5rem; }
  .account { float: none; justify-content: flex-end; padding: 0 0 .5rem; }
  .account .who { flex: 1 1 6rem; min-width: 0; max-width: none; }
  h1 { margin-bottom: 1rem; font-size: 1.4rem; }
  .logo { font-size: 1.6em; }
  .columns { display: block; }
  .pads { margin: 0 0 1rem; }
  .pads h2 { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); }
  .pads .list { display: flex; gap: .5rem; align-items: center; border: solid var(--rule); border-width: 1px 0; padding: .3rem 0; }
  .pads ul { display: flex; gap: .25rem 1.1rem; min-width: 0; flex: 1 1 auto; overflow-x: auto; padding: 3px; }
  .pads .empty { flex: 1 1 auto; margin: 0; padding: 3px; }
  .pads a { white-space: nowrap; max-width: 60vw; overflow: hidden; text-overflow: ellipsis; line-height: 1.7; }
  .pads .list > a { flex: none; padding-left: .7rem; border-left: 1px solid var(--rule); }
  .pads hr { display: none; }
  main { min-height: 16rem; }
  .narrow { margin-top: 1rem; }
  th, td { padding-left: .3rem; padding-right: .3rem; }
  select { max-width: none; }
  main > table:not(.notes) th:first-child { width: 36%; }
  /* A row is two lines: the name, and below it the pad and the time. */
  .notes, .notes thead, .notes tbody { display: block; }
  .notes tr { display: grid; grid-template-columns: minmax(0, 1fr) auto; }
  .notes thead th, .notes thead th:first-child, .notes thead th:last-child { padding: .2rem 0; width: auto; }
  .notes thead th:nth-child(2):not(:last-child) { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  .notes tbody tr { border-top: 1px solid var(--rule); padding: .55rem 0; gap: 0 1rem; }
  .notes td { border: 0; padding: 0; }
  .notes tbody td:first-child { grid-column: 1 / -1; font-size: 1.05rem; }
  .notes tbody td:first-child:nth-last-child(2) { grid-column: auto; }
  .notes .when { align-self: center; }
}
/* As thick as fingers want it, where fingers point. */
@media (pointer: coarse) {
  .account a, .account button.link, .pads a, .order a { min-height: 32px; line-height: 32px; }
  .order a { min-width: 32px; }
}
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
@media (forced-colors: active) { .alert { border-width: 2px; } [aria-current] { outline: 1px solid; } }
@media print {
  .account, .pads, .search, .actions, .pagination, .order, footer, .skip { display: none; }
  .columns { display: block; }
  body { color: #000; background: #fff; }
}
`
