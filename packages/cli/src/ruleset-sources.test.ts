import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findRuleset } from './ruleset-sources.ts'

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'dogwatch-sources-'))
  mkdirSync(join(home, 'etc/mine'), { recursive: true })
  for (const name of ['12_rules.xml', 'ab_rules.xml', '34_rules.xml.off'])
    writeFileSync(join(home, 'etc/mine', name), '')
})
afterEach(() => rmSync(home, { recursive: true }))

const patterns: [says: string, attribute: string, names: string[]][] = [
  ['none takes what ends in .xml', '', ['12_rules.xml', 'ab_rules.xml']],
  ['tokens of osregex', ' pattern="/\\d\\d_rules.xml$"', ['12_rules.xml']],
  ['letters of either case', ' pattern="AB_RULES"', ['ab_rules.xml']],
  ['a bad one takes nothing', ' pattern="(a"', []],
]
for (const [says, attribute, names] of patterns)
  test(`a folder's pattern is the manager's: ${says}`, () => {
    const conf = `<ossec_config><ruleset><rule_dir${attribute}>etc/mine</rule_dir></ruleset></ossec_config>`
    writeFileSync(join(home, 'etc/ossec.conf'), conf)
    const { files } = findRuleset(undefined, () => home)
    expect(files.rules.map((path) => basename(path)).filter((name) => /^(12|34|ab)/.test(name))).toEqual(names)
  })
