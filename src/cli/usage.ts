/** The command line cannot be meant: a sentence for the user. The program ends with 2. */
export class UsageError extends Error {}
