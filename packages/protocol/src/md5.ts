/** MD5 as the protocol uses it: to tell two texts apart, in keys and sums that are given. It keeps nobody out. */
import { createHash } from 'node:crypto'

/** 32 lower-case hex characters; text is taken as UTF-8. */
export function md5(data: string | Uint8Array): string {
  return createHash('md5').update(data).digest('hex')
}
