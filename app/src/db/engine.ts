/** The database engines that Notejam runs on. `mysql` is MySQL and MariaDB. */
export type Engine = 'sqlite' | 'postgres' | 'mysql'

/** All engines, in the order in which tables of tests name them. */
export const engines = ['sqlite', 'postgres', 'mysql'] as const satisfies readonly Engine[]
