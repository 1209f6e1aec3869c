/** Where the home folder is: what the command line says, else DOGWATCH_HOME, else `var` in a checkout, else the place of a service. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Home of a service (spec: design, part 1). */
export const serviceHome = '/var/lib/dogwatch'

/** The repository or installation that this file belongs to. */
export const productDir: string = join(import.meta.dirname, '../../..')

export interface HomeChoice {
  /** Value of `--home`, if given. */
  readonly flag?: string | undefined
  /** Value of DOGWATCH_HOME, if set. */
  readonly variable?: string | undefined
}

/** The home folder, absolute; nothing is read or made there. */
export function homeFolder({ flag, variable }: HomeChoice, product: string = productDir): string {
  if (flag !== undefined && flag !== '') return resolve(flag)
  if (variable !== undefined && variable !== '') return resolve(variable)
  return existsSync(join(product, '.git')) ? join(product, 'var') : serviceHome
}
