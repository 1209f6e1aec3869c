/**
 * `etc/local_internal_options.conf`: lines `syscheck.name=value` that tune file integrity (spec: fim, part 1). In go its
 * text and the configuration, out comes the configuration with them, and what is wrong, as sentences. Names of other parts
 * are passed over: the file is shared with programs that we are not.
 */
import type { FimConfig } from '../fim/options.ts'

interface Tuning {
  readonly min: number
  readonly max: number
  readonly put: (config: FimConfig, value: number) => FimConfig
}

const megabyte = 1024 ** 2
const tunings: Readonly<Record<string, Tuning>> = {
  // Milliseconds from an event to looking at the file.
  'syscheck.rt_delay': { min: 0, max: 1000, put: (config, realtimeDelayMs) => ({ ...config, realtimeDelayMs }) },
  // Megabytes of the largest file that is hashed; 0: every one.
  'syscheck.file_max_size': {
    min: 0,
    max: 4095,
    put: (config, size) => ({ ...config, hashSizeMax: size === 0 ? Number.MAX_SAFE_INTEGER : size * megabyte }),
  },
  // Seconds between looks at where links lead.
  'syscheck.symlink_scan_interval': {
    min: 1,
    max: 2_592_000,
    put: (config, linkCheckS) => ({ ...config, linkCheckS }),
  },
  'syscheck.max_audit_entries': {
    min: 1,
    max: 4096,
    put: (config, rulesMax) => ({ ...config, whodata: { ...config.whodata, rulesMax } }),
  },
}

/** A value that is wrong leaves what is there. */
export function withInternalOptions(
  config: FimConfig,
  text: string,
): { readonly config: FimConfig; readonly problems: readonly string[] } {
  const problems: string[] = []
  let tuned = config
  for (const [at, line] of text.split('\n').entries()) {
    const [, name = '', value = ''] = /^\s*([\w.]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    const tuning = Object.hasOwn(tunings, name) ? tunings[name] : undefined
    if (tuning === undefined) continue
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
    if (number >= tuning.min && number <= tuning.max) tuned = tuning.put(tuned, number)
    else problems.push(`line ${at + 1}: ${name} is a whole number from ${tuning.min} to ${tuning.max}`)
  }
  return { config: tuned, problems }
}
