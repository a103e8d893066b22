import { existsSync, readFileSync } from 'node:fs'

const filePattern = /`((?:app|operator|test)\/[\w/.-]+\.test\.ts)`|"([^"|]+)"/g

/** Tests that a page names but that are not there: a file in backquotes, then titles in quotes, which belong to the file before them in the same line. */
export function findMissingTests(page: string, read: (file: string) => string | undefined = readIfThere): readonly string[] {
  return page.split('\n').flatMap((line) => {
    if (!line.startsWith('|')) return []
    let file: string | undefined
    let source: string | undefined
    return [...line.matchAll(filePattern)].flatMap(([, path, title]) => {
      if (path !== undefined) {
        file = path
        source = read(path)
        return source === undefined ? [`${path} is named, but is not there`] : []
      }
      if (file === undefined || source === undefined) return []
      return [`'${title}'`, `"${title}"`, `\`${title}\``].some((quoted) => source?.includes(quoted))
        ? []
        : [`${file} has no test "${title}"`]
    })
  })
}

function readIfThere(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}
