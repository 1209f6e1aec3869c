/**
 * What can be set about logging in: how long a token is good, and what is allowed where no policy says anything (spec: api, endpoint 66). In and out: the state.
 * Whatever is changed ends all tokens that there are, since they tell both.
 */
import type { State } from '@dogwatch/store'
import type { Mode } from './rights.ts'

export interface SecuritySettings {
  /** Seconds that a token is good for. */
  readonly tokenSeconds: number
  readonly mode: Mode
  /** Goes up when all tokens must end. */
  readonly epoch: number
}

/** Seconds. */
export const tokenSecondsDefault = 900
export const tokenSecondsMin = 30
export const tokenSecondsMax = 86_400
const setting = 'security'
/** Goes up when what security rules give may be another thing. */
const mappingSetting = 'security mapping'

export function readSecuritySettings(state: State): SecuritySettings {
  const text = state.setting(setting)
  const value: unknown = text === null ? null : JSON.parse(text)
  const kept = { tokenSeconds: 0, mode: '', epoch: 0, ...(typeof value === 'object' ? value : {}) }
  const { tokenSeconds, mode, epoch } = kept
  const isGood = Number.isInteger(tokenSeconds) && tokenSeconds >= tokenSecondsMin && tokenSeconds <= tokenSecondsMax
  return {
    tokenSeconds: isGood ? tokenSeconds : tokenSecondsDefault,
    mode: mode === 'black' ? 'black' : 'white',
    epoch: Number.isInteger(epoch) ? epoch : 0,
  }
}

/** Takes what is given, leaves the rest as it is; null sets everything as it was at first. */
export function changeSecuritySettings(
  state: State,
  change: Partial<Pick<SecuritySettings, 'tokenSeconds' | 'mode'>> | null,
): SecuritySettings {
  const { epoch, ...before } = readSecuritySettings(state)
  const kept = change === null ? { tokenSeconds: tokenSecondsDefault, mode: 'white' } : { ...before, ...change }
  state.putSetting(setting, JSON.stringify({ ...kept, epoch: epoch + 1 }))
  return readSecuritySettings(state)
}

export function mappingEpoch(state: State): number {
  return Number(state.setting(mappingSetting) ?? 0)
}

/** Security rules, or the roles that they give, have changed: tokens made by them end. */
export function mappingChanged(state: State): void {
  state.putSetting(mappingSetting, String(mappingEpoch(state) + 1))
}
