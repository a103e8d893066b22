/** The command line or the environment is wrong; lists every problem at once. The process ends with 2. */
export class UsageError extends Error {
  readonly code = 'Usage'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('; '))
    this.name = new.target.name
    this.problems = problems
  }
}
