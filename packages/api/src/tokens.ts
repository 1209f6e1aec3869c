/** Tokens: JWTs signed with a key of this installation (spec: api, part 2). Out comes who asks, or null; a token ends with its time or when its user changes. */
import type { State, User } from '@dogwatch/store'
import { type CryptoKey, exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT } from 'jose'

/** Seconds that a token is good for. */
export const tokenSeconds = 900
const algorithm = 'ES512'
const issuer = 'wazuh'
const audience = 'Wazuh API REST'
/** Hours that a browser's session lasts from its login; it can be used for nothing but fetching tokens. */
export const sessionHours = 12
const sessionAudience = 'Dogwatch page'
const keySetting = 'jwt key'

export interface Tokens {
  issue(user: User): Promise<string>
  /** The user of a token; null when it is not good any more, or never was. */
  check(token: string): Promise<User | null>
  /** What a browser keeps in its cookie: good for `sessionHours`, and for tokens only. */
  issueSession(user: User): Promise<string>
  /** The user of a session; null as with `check`. */
  checkSession(token: string): Promise<User | null>
  /** Ends everybody's tokens. */
  endAll(): Promise<void>
}

/** Makes the signing key at the first start. */
export async function openTokens(state: State, now: () => number): Promise<Tokens> {
  let keys = await keysOf(state)
  return {
    issue: (user) => sign(user, audience, tokenSeconds),
    check: (token) => userOf(token, audience),
    issueSession: (user) => sign(user, sessionAudience, sessionHours * 3600),
    checkSession: (token) => userOf(token, sessionAudience),
    async endAll() {
      state.putSetting(keySetting, '')
      keys = await keysOf(state)
    },
  }

  function sign(user: User, to: string, secondsMax: number): Promise<string> {
    const seconds = Math.floor(now() / 1000)
    return new SignJWT({
      run_as: false,
      rbac_roles: user.roles,
      rbac_mode: 'white',
      epoch: user.tokenEpoch,
      uid: user.id,
    })
      .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
      .setIssuer(issuer)
      .setAudience(to)
      .setSubject(user.name)
      .setNotBefore(seconds)
      .setExpirationTime(seconds + secondsMax)
      .sign(keys.privateKey)
  }

  async function userOf(token: string, to: string): Promise<User | null> {
    if (token.length > 4096) return null
    try {
      const { payload } = await jwtVerify(token, keys.publicKey, {
        algorithms: [algorithm],
        issuer,
        audience: to,
        currentDate: new Date(now()),
        requiredClaims: ['exp', 'nbf', 'sub'],
      })
      const user = typeof payload.uid === 'number' ? state.user(payload.uid) : null
      const isGood = user !== null && !user.isDisabled && user.name === payload.sub && user.tokenEpoch === payload.epoch
      return isGood ? user : null
    } catch {
      return null // not a token of ours, or one that has ended
    }
  }
}

async function keysOf(state: State): Promise<{ privateKey: CryptoKey; publicKey: CryptoKey }> {
  const known = state.setting(keySetting)
  if (known === null) {
    const made = await generateKeyPair(algorithm, { extractable: true })
    state.putSetting(
      keySetting,
      JSON.stringify({ private: await exportJWK(made.privateKey), public: await exportJWK(made.publicKey) }),
    )
    return made
  }
  const { private: privateJwk, public: publicJwk } = JSON.parse(known)
  const [privateKey, publicKey] = await Promise.all([importJWK(privateJwk, algorithm), importJWK(publicJwk, algorithm)])
  if (privateKey instanceof Uint8Array || publicKey instanceof Uint8Array)
    throw new Error('the signing key is no key pair')
  return { privateKey, publicKey }
}
