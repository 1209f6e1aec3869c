/**
 * The two ciphers of the agent channel (spec: agent-protocol, part 3.3). Both have one constant IV, as the protocol wants it. AES is Node's;
 * Blowfish comes from a package that is loaded only when a manager is told to accept it, since it is slow and old.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import type { CipherKeys } from './keys.ts'

/** Which cipher a message is in; a manager answers with the one that the agent used last. */
export type CryptoMethod = 'aes' | 'blowfish'

/** What the codec needs of a cipher. */
export interface ChannelCipher {
  encrypt(padded: Uint8Array, keys: CipherKeys): Buffer
  /** Null when the text cannot be of this cipher: its length is wrong, or its padding. */
  decrypt(text: Uint8Array, keys: CipherKeys): Buffer | null
}

/** The ciphers at hand. AES always is. */
export interface Ciphers {
  readonly aes: ChannelCipher
  readonly blowfish?: ChannelCipher
}

const aesIv = Buffer.from('FEDCBA0987654321', 'latin1')
const aesBlock = 16
const blowfishIv = Buffer.from('fedcba9876543210', 'hex')
const blowfishBlock = 8

/** Keys as Node holds them: bytes would be made into one for each message, which takes ten times as long as to decrypt it. */
const aesKeys = new WeakMap<CipherKeys, KeyObject>()

function aesKey(keys: CipherKeys): KeyObject {
  let key = aesKeys.get(keys)
  if (key === undefined) {
    key = createSecretKey(keys.aes)
    aesKeys.set(keys, key)
  }
  return key
}

const aes: ChannelCipher = {
  encrypt(padded, keys) {
    const cipher = createCipheriv('aes-256-cbc', aesKey(keys), aesIv)
    return Buffer.concat([cipher.update(padded), cipher.final()])
  },
  decrypt(text, keys) {
    if (text.length === 0 || text.length % aesBlock !== 0) return null
    const decipher = createDecipheriv('aes-256-cbc', aesKey(keys), aesIv)
    try {
      return Buffer.concat([decipher.update(text), decipher.final()])
    } catch {
      return null // bad padding: another key, or changed on the way
    }
  },
}

/** AES alone, which is what agents use since version 3.9. */
export const aesOnly: Ciphers = { aes }

/** AES and Blowfish; loads the Blowfish package. */
export async function withBlowfish(): Promise<Ciphers> {
  const { Blowfish } = await import('egoroof-blowfish')
  const of = (key: Uint8Array): InstanceType<typeof Blowfish> => {
    const cipher = new Blowfish(key, Blowfish.MODE.CBC, Blowfish.PADDING.NULL)
    cipher.setIv(blowfishIv)
    return cipher
  }
  const blowfish: ChannelCipher = {
    encrypt: (padded, keys) => Buffer.from(of(keys.blowfish).encode(padded)),
    decrypt(text, keys) {
      if (text.length === 0 || text.length % blowfishBlock !== 0) return null
      // The package takes zeros at the end for padding; the protocol pads in front, so they are put back.
      const whole = Buffer.alloc(text.length)
      whole.set(of(keys.blowfish).decode(text, Blowfish.TYPE.UINT8_ARRAY))
      return whole
    },
  }
  return { aes, blowfish }
}
