import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfiguration } from './configuration.ts'
import { readRulesetFiles, resolveRuleset, rulesetFromPaths } from './ruleset-files.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ruleset-files-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), '<group name="a,"></group>\xe9', 'latin1')
  }
}

function resolved(ruleset: string, options = {}) {
  const { configuration } = readConfiguration('f', `<ossec_config><ruleset>${ruleset}</ruleset></ossec_config>`)
  if (configuration === null) throw new Error('the configuration is bad')
  const { files, problems } = resolveRuleset(configuration, join(folder, 'home'), options)
  return {
    rules: files.rules.map((path) => relative(folder, path)),
    lists: files.lists.map(({ name, path }) => [name, relative(folder, path)]),
    problems: problems.map(({ severity, code, at }) => `${severity} ${code} ${relative(folder, at.file)}`),
  }
}

test('files of all folders sort together by base name, bytewise', () => {
  write(
    'home/ruleset/rules/0020-b.xml',
    'home/ruleset/rules/Z.xml',
    'home/etc/rules/0010-a.xml',
    'home/etc/rules/local_rules.xml',
  )
  const { rules } = resolved('<rule_dir>ruleset/rules</rule_dir><rule_dir>etc/rules</rule_dir>')
  expect(rules).toEqual([
    'home/etc/rules/0010-a.xml',
    'home/ruleset/rules/0020-b.xml',
    'home/ruleset/rules/Z.xml',
    'home/etc/rules/local_rules.xml',
  ])
})

const cases: [says: string, ruleset: string, rules: string[]][] = [
  ['leaves out by name', '<rule_dir>r</rule_dir><rule_exclude>1.xml</rule_exclude>', ['home/r/2.xml']],
  ['leaves out by path', '<rule_dir>r</rule_dir><rule_exclude>r/2.xml</rule_exclude>', ['home/r/1.xml']],
  ['adds an included file', '<rule_include>r/sub/3.xml</rule_include>', ['home/r/sub/3.xml']],
  ['takes a file once', '<rule_dir>r</rule_dir><rule_include>r/1.xml</rule_include>', ['home/r/1.xml', 'home/r/2.xml']],
  ['takes a pattern of the path', '<rule_dir pattern="^r/n">r</rule_dir>', ['home/r/notes.txt']],
]
for (const [says, ruleset, rules] of cases) {
  test(says, () => {
    write('home/r/1.xml', 'home/r/2.xml', 'home/r/notes.txt', 'home/r/sub/3.xml')
    expect(resolved(ruleset).rules).toEqual(rules)
  })
}

test('what is missing is a warning each', () => {
  mkdirSync(join(folder, 'home'))
  const { problems } = resolved(
    '<rule_dir>r</rule_dir><decoder_dir>d</decoder_dir><rule_include>x.xml</rule_include><list>etc/lists/a</list>',
  )
  expect(problems.toSorted()).toEqual([
    'warning RULESET_FILE_MISSING home/d',
    'warning RULESET_FILE_MISSING home/etc/lists/a',
    'warning RULESET_FILE_MISSING home/r',
    'warning RULESET_FILE_MISSING home/x.xml',
  ])
})

test('what the home lacks comes from the product', () => {
  write(
    'product/ruleset/rules/1.xml',
    'product/ruleset/lists/keys',
    'product/ruleset/lists/other',
    'home/etc/lists/other',
  )
  const ruleset = '<rule_dir>ruleset/rules</rule_dir><list>etc/lists/keys</list><list>etc/lists/other</list>'
  const { rules, lists } = resolved(ruleset, { productDir: join(folder, 'product') })
  expect(rules).toEqual(['product/ruleset/rules/1.xml'])
  expect(lists).toEqual([
    ['etc/lists/keys', 'product/ruleset/lists/keys'],
    ['etc/lists/other', 'home/etc/lists/other'],
  ])
})

test('a pattern beyond literal text needs the compiler', () => {
  write('home/r/1.xml')
  const ruleset = '<rule_dir pattern="\\d.xml$">r</rule_dir>'
  expect(resolved(ruleset).rules).toEqual([])
  expect(resolved(ruleset).problems).toContain('warning RULESET_PATTERN home/r')
  const compilePattern = () => (path: string) => path === 'r/1.xml'
  expect(resolved(ruleset, { compilePattern }).rules).toEqual(['home/r/1.xml'])
})

test('a DIR with decoders, rules and lists', () => {
  write(
    'd/decoders/1.xml',
    'd/rules/2.xml',
    'd/rules/readme.md',
    'd/lists/audit-keys',
    'd/lists/ioc/ips',
    'd/lists/ioc/ips.cdb',
  )
  const { files, problems } = rulesetFromPaths([join(folder, 'd')])
  expect(problems).toEqual([])
  expect(files.decoders.map((p) => relative(folder, p))).toEqual(['d/decoders/1.xml'])
  expect(files.rules.map((p) => relative(folder, p))).toEqual(['d/rules/2.xml'])
  expect(files.lists.map(({ name }) => name)).toEqual(['etc/lists/audit-keys', 'etc/lists/ioc/ips'])
})

test('a DIR that is one of the folders, a single list, and a folder of loose files', () => {
  write('d/rules/2.xml', 'd/lists/ioc/ips', 'loose/a_rules.xml')
  writeFileSync(join(folder, 'loose/b.xml'), '<decoder name="x"></decoder>')
  const { files } = rulesetFromPaths([join(folder, 'd/rules'), join(folder, 'd/lists/ioc/ips'), join(folder, 'loose')])
  expect(files.rules.map((p) => relative(folder, p))).toEqual(['d/rules/2.xml', 'loose/a_rules.xml'])
  expect(files.decoders.map((p) => relative(folder, p))).toEqual(['loose/b.xml'])
  expect(files.lists.map(({ name }) => name)).toEqual(['etc/lists/ioc/ips'])
})

test('a DIR that is not there is an error', () => {
  expect(rulesetFromPaths([join(folder, 'none')]).problems.map(({ severity }) => severity)).toEqual(['error'])
})

test('texts are latin1, one code unit per byte', () => {
  write('d/rules/2.xml')
  const { texts } = readRulesetFiles(rulesetFromPaths([join(folder, 'd')]).files)
  expect(texts.rules[0]?.text.endsWith('\xe9')).toBe(true)
})
