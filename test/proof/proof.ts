/** What one long proof found. `figures` are printed as a table; units belong into the names (`readySeconds`, `rssMiB`). */
export interface ProofResult {
  readonly passed: boolean
  readonly figures: Readonly<Record<string, number | string | boolean>>
  /** What was switched off to see the proof fail, and what it then said. */
  readonly counterTest: string
}

/** A long proof: `test/proof/<name>.ts` exports one as `proof`; `make proof NAME=<name>` runs and records it. */
export interface Proof {
  readonly title: string
  run(report: (line: string) => void): Promise<ProofResult>
}
