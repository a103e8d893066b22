import { writeFile } from 'node:fs/promises'
import { pageCases } from './browser-pages.ts'

const head = `# Pages

What the app looks like: by day, by night, and on a phone; [pages](pages.md) says what they do. The pictures are taken by the browser tests (\`PICTURES=1\`, see
[tests](../explanation/tests.md)), which look at every page, also those that are not shown here.
`

/** Writes docs/reference/pictures.md: one section for each page that is shown. */
export async function writePageOfPictures(): Promise<void> {
  const sections = pageCases.flatMap(({ name, shown }) => {
    if (shown === undefined) return []
    const picture = (kind: string, width: string): string =>
      `<img src="../images/app/${name}-${kind}.png" width="${width}" alt="${shown}, ${kind}">`
    return [`## ${shown}\n\n${picture('light', '40%')} ${picture('dark', '40%')} ${picture('phone', '16%')}\n`]
  })
  await writeFile('docs/reference/pictures.md', [head, ...sections].join('\n'))
}
