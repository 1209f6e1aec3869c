/** Passwords: argon2id with the cost of the stack's choice (19 MiB, two passes; OWASP's minimum), and the rule of what a password must have. */
import { argon2, randomBytes, randomInt, timingSafeEqual } from 'node:crypto'

const memoryKib = 19_456
const passes = 2
const tagLength = 32

/** Longest password; more only costs time. */
export const passwordLengthMax = 64
const passwordLengthMin = 8
/** At once; each takes 19 MiB and about 90 ms. */
const atOnceMax = 2
const waitingMax = 32

let running = 0
const waiting: (() => void)[] = []

/** Too many passwords are being checked. */
export class TooManyChecks extends Error {}

/** `argon2id$<KiB>$<passes>$<salt>$<tag>`, base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const tag = await derive(password, salt, memoryKib, passes, tagLength)
  return ['argon2id', memoryKib, passes, salt.toString('base64url'), tag.toString('base64url')].join('$')
}

/** False for a wrong password, and for a hash of no known form. Throws TooManyChecks. */
export async function isPassword(password: string, hash: string): Promise<boolean> {
  const [kind, memory, count, salt, tag] = hash.split('$')
  if (kind !== 'argon2id' || memory === undefined || salt === undefined || tag === undefined) return false
  const known = Buffer.from(tag, 'base64url')
  const found = await derive(password, Buffer.from(salt, 'base64url'), Number(memory), Number(count), known.length)
  return timingSafeEqual(found, known)
}

async function derive(
  password: string,
  nonce: Buffer,
  memory: number,
  passCount: number,
  length: number,
): Promise<Buffer> {
  if (running >= atOnceMax) {
    if (waiting.length >= waitingMax) throw new TooManyChecks('too many passwords are being checked; try again')
    await new Promise<void>((resolve) => waiting.push(resolve))
  }
  running += 1
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      const options = { message: password, nonce, parallelism: 1, tagLength: length, memory, passes: passCount }
      argon2('argon2id', options, (error, tag) => (error === null ? resolve(tag) : reject(error)))
    })
  } finally {
    running -= 1
    waiting.shift()?.()
  }
}

/** What is missing in a new password; null when it is good (spec: api, part 2). */
export function passwordProblem(password: string): string | null {
  const kinds = [/[A-Z]/, /[a-z]/, /\d/, /[^A-Za-z0-9]/]
  const isGood =
    password.length >= passwordLengthMin &&
    password.length <= passwordLengthMax &&
    kinds.every((kind) => kind.test(password))
  return isGood
    ? null
    : `a password has ${passwordLengthMin} to ${passwordLengthMax} characters, among them an upper and a lower case letter, a digit and a symbol`
}

/** A password nobody chose: 20 characters without those that look alike. */
export function randomPassword(): string {
  const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789.-+_'
  for (;;) {
    const password = Array.from({ length: 20 }, () => letters[randomInt(letters.length)]).join('')
    if (passwordProblem(password) === null) return password
  }
}
