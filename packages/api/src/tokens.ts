/**
 * Tokens: JWTs signed with a key of this installation (spec: api, part 2). Out comes who asks, or null; a token ends with its time or when its user changes,
 * and all end when what is set about tokens does. A token by `run_as` bears the roles that the security rules gave, and ends when these change.
 */
import type { State, User } from '@dogwatch/store'
import { type CryptoKey, exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT } from 'jose'
import { mappingEpoch, readSecuritySettings } from './security-settings.ts'

const algorithm = 'ES512'
const issuer = 'wazuh'
const audience = 'Wazuh API REST'
/** Hours that a browser's session lasts from its login; it can be used for nothing but fetching tokens. */
export const sessionHours = 12
const sessionAudience = 'Dogwatch page'
const keySetting = 'jwt key'
/** Characters of a token; one by `run_as` may bear some hundred roles. */
const tokenLengthMax = 4096

export interface Tokens {
  /** With `runAsRoles` the token is for these, in the place of the user's own. */
  issue(user: User, runAsRoles?: readonly number[]): Promise<string>
  /** The user of a token, with the roles that the token is for; null when it is not good any more, or never was. */
  check(token: string): Promise<{ readonly user: User; readonly isRunAs: boolean } | null>
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
    issue(user, runAsRoles) {
      const { tokenSeconds, mode, epoch } = readSecuritySettings(state)
      const claims = { rbac_mode: mode, security_epoch: epoch }
      return runAsRoles === undefined
        ? sign(user, audience, tokenSeconds, { run_as: false, rbac_roles: user.roles, ...claims })
        : sign(user, audience, tokenSeconds, {
            run_as: true,
            rbac_roles: runAsRoles,
            mapping_epoch: mappingEpoch(state),
            ...claims,
          })
    },
    async check(token) {
      const found = await userOf(token, audience)
      if (found === null || (found.payload.security_epoch ?? 0) !== readSecuritySettings(state).epoch) return null
      const { user, payload } = found
      if (payload.run_as !== true) return { user, isRunAs: false }
      const { rbac_roles: roles, mapping_epoch: mapped } = payload
      if (!user.mayRunAs || mapped !== mappingEpoch(state) || !Array.isArray(roles)) return null
      return { user: { ...user, roles: roles.filter((role) => typeof role === 'number') }, isRunAs: true }
    },
    issueSession: (user) => sign(user, sessionAudience, sessionHours * 3600, {}),
    checkSession: async (token) => (await userOf(token, sessionAudience))?.user ?? null,
    async endAll() {
      state.putSetting(keySetting, '')
      keys = await keysOf(state)
    },
  }

  function sign(user: User, to: string, secondsMax: number, claims: Record<string, unknown>): Promise<string> {
    const seconds = Math.floor(now() / 1000)
    return new SignJWT({ ...claims, epoch: user.tokenEpoch, uid: user.id })
      .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
      .setIssuer(issuer)
      .setAudience(to)
      .setSubject(user.name)
      .setNotBefore(seconds)
      .setExpirationTime(seconds + secondsMax)
      .sign(keys.privateKey)
  }

  async function userOf(
    token: string,
    to: string,
  ): Promise<{ readonly user: User; readonly payload: Record<string, unknown> } | null> {
    if (token.length > tokenLengthMax) return null
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
      return isGood ? { user, payload } : null
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
