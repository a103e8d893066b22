import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A rule that files of one folder keep about what they import. Paths are relative to the top of the tree. */
interface LayerRule {
  readonly files: RegExp
  readonly mayNotImport: RegExp
  readonly because: string
}

/** The rules of docs/explanation/architecture.md, "Layers". */
const rules: readonly LayerRule[] = [
  { files: /^operator\//, mayNotImport: /^app\/|^test\//, because: 'operator and app share only the image contract' },
  { files: /^app\//, mayNotImport: /^operator\/|^test\//, because: 'operator and app share only the image contract' },
  { files: /^operator\/src\/kube\//, mayNotImport: /^operator\/src\/(?!kube\/)/, because: 'kube knows HTTP and JSON, nothing above it' },
  {
    files: /^operator\/src\/runtime\//,
    mayNotImport: /^operator\/src\/(?!runtime\/|kube\/)/,
    because: 'runtime knows Kubernetes, not Notejam: it may import kube only',
  },
  { files: /^(operator|app)\/src\//, mayNotImport: /^(operator|app)\/src\/main\.ts$/, because: 'main is the top: nothing imports it' },
]

/** Pure files decide and do not do: they get clock values and names as arguments. */
const pureFiles = /^operator\/src\/(\w+\/resources\/[\w-]+|instance\/(release\/[\w-]+|status)|\w+\/[\w-]*planner)\.ts$/
const impureModules = /^node:(?!assert$|crypto$|util$|url$)|^(undici|pino|prom-client|@kubernetes\/client-node)$/
const impureCalls =
  /\b(Date\.now\(|new Date\(\)|performance\.now\(|Math\.random\(|randomUUID\(|randomBytes\(|setTimeout\(|fetch\(|process\.)/

const importPattern = /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s+'([^']+)'|(?:^|\n)\s*import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g

/** Module specifiers that a source text imports, statically or dynamically, types included. */
export function listImports(source: string): readonly string[] {
  return [...source.matchAll(importPattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}

function resolveImport(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return join(dirname(file), specifier)
  return specifier.replace(/^@notejam\/(operator|app)/, '$1/src')
}

/** Checks one file's text against the layer rules; each finding is a line that names file, import and rule. */
export function checkLayers(file: string, source: string): readonly string[] {
  const findings: string[] = []
  const imports = listImports(source)
  for (const specifier of imports) {
    const target = resolveImport(file, specifier)
    for (const rule of rules) {
      if (rule.files.test(file) && rule.mayNotImport.test(target)) {
        findings.push(`${file} imports ${specifier}: ${rule.because}`)
      }
    }
  }
  if (pureFiles.test(file)) {
    for (const specifier of imports.filter((name) => impureModules.test(name)))
      findings.push(`${file} imports ${specifier}: it must stay pure`)
    const call = impureCalls.exec(source)?.[1]
    if (call !== undefined) findings.push(`${file} calls ${call}: it must stay pure, pass the value in`)
  }
  return findings
}

/** Checks the source files of both workspaces; tests are free to import what they test. */
export function findLayerViolations(files: readonly string[]): readonly string[] {
  return files
    .filter((file) => /^(operator|app)\/.*\.ts$/.test(file) && !file.endsWith('.test.ts') && !file.endsWith('.config.ts'))
    .flatMap((file) => checkLayers(file, readFileSync(file, 'utf8')))
}
