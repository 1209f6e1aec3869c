import { expect, test } from 'vitest'
import { Correlator } from './correlator.ts'
import { openGeoip } from './geoip.ts'
import { Matcher, MatchWriter, OutputBuffers } from './index.ts'
import { compileRuleset } from './ruleset.ts'
import { tinyGeoip } from './test-geoip.ts'

const database = tinyGeoip({
  '192.0.2.0/24': {
    country: { iso_code: 'NZ' },
    subdivisions: [{ names: { en: 'Otago' } }],
    city: { names: { en: 'Ōamaru' } },
  },
  '198.51.100.0/24': { country: { iso_code: 'US' } },
})

const cases: [says: string, address: string, answer: string | null][] = [
  ['country, region and city, as UTF-8 bytes', '192.0.2.7', Buffer.from('NZ,Otago,Ōamaru').toString('latin1')],
  ['what is known', '198.51.100.200', 'US'],
  ['nothing for an address that is not in it', '203.0.113.1', null],
  ['nothing for text that is no address', 'localhost', null],
]
for (const [says, address, answer] of cases)
  test(`tells ${says}`, () => expect(openGeoip(database)(address)).toBe(answer))

test('bytes that are no database are refused', () => {
  expect(() => openGeoip(Buffer.from('not a database'))).toThrow()
})

test('rules see the place of an address, and alerts show it', () => {
  const { ruleset } = compileRuleset({
    decoders: [
      {
        path: 'd.xml',
        text: '<decoder name="d"><prematch>^login </prematch><regex offset="after_prematch">^(\\S+) to (\\S+)</regex><order>srcip,dstip</order></decoder>',
      },
    ],
    rules: [
      {
        path: 'r.xml',
        text:
          '<group name="g,"><rule id="1" level="0" noalert="1"><category>syslog</category><description>root</description></rule>' +
          '<rule id="200001" level="5"><if_sid>1</if_sid><srcgeoip>^NZ</srcgeoip><dstgeoip negate="yes">NZ</dstgeoip><description>from afar</description></rule></group>',
      },
    ],
    lists: [],
  })
  if (ruleset === null) throw new Error('the ruleset does not compile')
  const options = {
    managerName: 'm',
    outputs: { alertsJson: true, alertsText: true, archivesJson: false, archivesText: false },
    geoip: openGeoip(database),
  }
  const writer = new MatchWriter()
  const matcher = new Matcher(ruleset, options)
  for (const body of [
    'login 192.0.2.7 to 198.51.100.1',
    'login 192.0.2.7 to 192.0.2.8',
    'login 203.0.113.9 to 198.51.100.1',
  ]) {
    matcher.match({ queue: 49, location: 'l', body, timeMs: 0 }, writer)
  }
  const outputs = new OutputBuffers()
  new Correlator(ruleset, options).consume(writer.finish(), 0, outputs)
  const { alertsJson, alertsText, alerts } = outputs.take()
  expect(alerts.map(({ number }) => number)).toEqual([0])
  expect(JSON.parse(alertsJson.toString())).toMatchObject({ srcgeoip: 'NZ,Otago,Ōamaru', dstgeoip: 'US' })
  expect(alertsText.toString()).toContain('Src IP: 192.0.2.7\nSrc Location: NZ,Otago,Ōamaru\n')
})
