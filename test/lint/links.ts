import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

const linkPattern = /\[[^\]]*\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g

/** Links in Markdown files that lead to no file or heading of this tree; links to other hosts are not followed. */
export function findBrokenLinks(files: readonly string[]): readonly string[] {
  return files.filter((file) => file.endsWith('.md')).flatMap((file) => brokenLinksOf(file))
}

function brokenLinksOf(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8').replaceAll(/```[\s\S]*?```/g, '')
  return [...text.matchAll(linkPattern)]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => !leadsSomewhere(file, target))
    .map((target) => `${file} links to ${target}, which is not there`)
}

function leadsSomewhere(file: string, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const resolved = path === '' ? file : normalize(join(dirname(file), path))
  if (!existsSync(resolved)) return false
  return anchor === undefined || !resolved.endsWith('.md') || headingsOf(resolved).has(anchor)
}

function headingsOf(file: string): ReadonlySet<string> {
  const headings = readFileSync(file, 'utf8').matchAll(/^#+\s+(.+)$/gm)
  return new Set([...headings].map((match) => slug(match[1] ?? '')))
}

/** A heading's anchor, by the rule of GitHub's renderer. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[`*]/g, '')
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-')
}
