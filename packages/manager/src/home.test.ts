import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { productDir, readConfiguration } from '@dogwatch/config'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { clusterToken } from './cluster-tokens.ts'
import { layOutHome } from './home-layout.ts'
import { HomeTaken, lockHome, pidPath } from './home-lock.ts'

let home = ''
beforeEach(() => {
  home = join(mkdtempSync(join(tmpdir(), 'home-')), 'home')
})
afterEach(() => rmSync(join(home, '..'), { recursive: true }))

describe('a home folder', () => {
  test('is made with a configuration and the recipe’s rules', () => {
    const { made } = layOutHome(home)
    expect(made).toContain(join(home, 'etc/ossec.conf'))
    for (const path of ['etc/decoders', 'etc/lists', 'logs/alerts', 'logs/archives', 'certs', 'store', 'queue']) {
      expect(statSync(join(home, path)).isDirectory()).toBe(true)
    }
    expect(statSync(join(home, 'queue')).mode & 0o777).toBe(0o700)
    expect(readFileSync(join(home, 'etc/rules/local_rules.xml'), 'utf8')).toContain('<rule id="110003" level="5">')
  })

  test('has a first configuration in which all is understood', () => {
    layOutHome(home)
    const path = join(home, 'etc/ossec.conf')
    const { configuration, findings, problems } = readConfiguration(path, readFileSync(path, 'latin1'))
    expect(problems).toEqual([])
    expect(findings.every(({ use }) => use === 'understood')).toBe(true)
    expect(configuration?.alerts).toMatchObject({ logAlertLevel: 3, emailAlertLevel: 12 })
    const ours = readdirSync(join(productDir, 'ruleset/lists'))
    expect(configuration?.ruleset.lists).toEqual(ours.sort().map((name) => `etc/lists/${name}`))
    expect(configuration?.ruleset.ruleExcludes).toEqual(['zz-k8s-activity.xml'])
  })

  test('is completed but never changed', () => {
    mkdirSync(join(home, 'etc'), { recursive: true })
    writeFileSync(join(home, 'etc/ossec.conf'), 'mine')
    layOutHome(home)
    expect(readFileSync(join(home, 'etc/ossec.conf'), 'utf8')).toBe('mine')
    expect(layOutHome(home).made).toEqual([])
  })

  test('has rules beside a configuration that was there first, and none where they were taken away', () => {
    mkdirSync(join(home, 'etc'), { recursive: true })
    writeFileSync(join(home, 'etc/ossec.conf'), 'mine')
    layOutHome(home)
    const rules = join(home, 'etc/rules/local_rules.xml')
    expect(existsSync(rules)).toBe(true)
    rmSync(rules)
    layOutHome(home)
    expect(existsSync(rules)).toBe(false)
  })
})

describe('the lock', () => {
  test('keeps a second process out, names the first, and can be taken again', () => {
    layOutHome(home)
    const lock = lockHome(home)
    expect(readFileSync(pidPath(home), 'utf8')).toBe(`${process.pid}\n`)
    const code = `import { lockHome } from ${JSON.stringify(join(import.meta.dirname, 'home-lock.ts'))}; lockHome(${JSON.stringify(home)})`
    const run = () =>
      spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', timeout: 20_000 })
    expect(run().stderr).toContain(`(process ${process.pid}) is running with the home`)
    lock.release()
    expect(existsSync(pidPath(home))).toBe(false)
    expect(run().status).toBe(0)
  })

  test('within one process too', () => {
    layOutHome(home)
    const lock = lockHome(home)
    expect(() => lockHome(home)).toThrow(HomeTaken)
    lock.release()
  })
})

describe('tokens', () => {
  const cluster = (tokenFile: string) => ({ name: 'c', auth: 'token', tokenFile, commonName: 'c' }) as const

  test('are made once, for the owner only', async () => {
    layOutHome(home)
    for (const file of ['etc/webhook.token', 'etc/webhook-c.token']) {
      const first = await clusterToken(home, cluster(file))
      const second = await clusterToken(home, cluster(file))
      expect([first.created, second.created]).toEqual([true, false])
      expect(second.token).toBe(first.token)
      expect(first.token).toMatch(/^[\w-]{43}$/)
      expect(statSync(first.path).mode & 0o777).toBe(0o600)
    }
  })

  const bad: [says: string, text: string][] = [
    ['an empty file', ''],
    ['a short one', 'secret'],
    ['two lines', 'aaaaaaaaaaaaaaaaaaaa\nbbbbbbbbbbbbbbbbbbbb'],
    ['what no header can carry', 'ääääääääääääääääääää'],
  ]
  for (const [says, text] of bad) {
    test(`refuse ${says}`, async () => {
      layOutHome(home)
      writeFileSync(join(home, 'etc/t'), text)
      await expect(clusterToken(home, cluster('etc/t'))).rejects.toThrow(/remove the file to get a new token/)
    })
  }
})
