/** What a collector is given to put its messages in. */

/**
 * Takes one message of a queue (one byte, as `8`) and a location. Resolves when the message is kept: it will survive
 * the end of this program. Rejects when it cannot be kept; the collector then holds its position.
 */
export type Send = (queue: string, location: string, message: string | Buffer) => Promise<void>

/** What collectors tell the program's log: one line for people. */
export type Tell = (level: 'info' | 'warn' | 'error', message: string) => void
