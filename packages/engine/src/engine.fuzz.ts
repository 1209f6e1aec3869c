/**
 * Fuzzing of the engine: mutated rulesets must load or be refused with places, mutated messages of every queue must give whole lines of JSON, and the
 * same lines from a matcher that has seen everything as from a new one.
 */
import { MatchWriter } from './batch.ts'
import { Correlator } from './correlator.ts'
import { type EventInput, Matcher } from './matcher.ts'
import { OutputBuffers } from './output-buffers.ts'
import { compileRuleset, type Ruleset } from './ruleset.ts'

/** A small generator with a seed (mulberry32), so that a failure can be repeated. */
function numbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const decoderText = `<decoder name="sshd"><program_name>^sshd</program_name></decoder>
<decoder name="s"><parent>sshd</parent><prematch>^Failed</prematch><regex offset="after_prematch">^ (\\S+) from (\\S+)</regex><order>user,srcip</order><fts>name,srcip</fts></decoder>
<decoder name="s"><parent>sshd</parent><regex offset="after_regex">port (\\d+)</regex><order>srcport</order></decoder>
<decoder name="pf"><type>firewall</type><prematch>^rule </prematch><plugin_decoder>PF_Decoder</plugin_decoder></decoder>
<decoder name="sonic"><prematch>^id=</prematch><plugin_decoder>SonicWall_Decoder</plugin_decoder></decoder>
<decoder name="alert"><prematch>^Alert Level: </prematch><plugin_decoder>OSSECAlert_Decoder</plugin_decoder></decoder>
<decoder name="json"><prematch>^{\\s*"</prematch><accumulate> </accumulate><plugin_decoder>JSON_Decoder</plugin_decoder></decoder>`
const ruleText = `<var name="WORDS">error|fatal</var><group name="a,pci_dss_1.1,">
<rule id="1" level="0" noalert="1"><category>syslog</category><description>x</description></rule>
<rule id="7" level="0" noalert="1"><category>ossec</category><description>x</description></rule>
<rule id="2" level="0" noalert="1"><category>firewall</category><description>x</description></rule>
<rule id="100" level="5"><decoded_as>sshd</decoded_as><match>Failed|$WORDS</match><description>$(srcip) $(a.b)</description></rule>
<rule id="101" level="10" frequency="3" timeframe="9"><if_matched_sid>100</if_matched_sid><same_srcip/><description>x</description></rule>
<rule id="102" level="3" ignore="5"><regex type="pcre2">(?i)\\bx+\\d</regex><options>no_full_log</options><description>x</description></rule>
<rule id="103" level="4"><field name="a.b" negate="yes">^\\d+$</field><srcip negate="yes">10.0.0.0/8</srcip><description>x</description></rule>
<rule id="104" level="6"><if_level>4</if_level><list field="c" lookup="address_match_key">etc/lists/l</list><check_diff/><description>x</description></rule>
<rule id="105" level="7"><if_group>a</if_group><time>1 am - 11 pm</time><mitre><id>T1110</id></mitre><description>x</description></rule>
<rule id="106" level="5"><category>ossec</category><description>x</description><group>rootcheck,</group></rule></group>`
const listText = '10.:x\n"a:b":y\nplain\n'

const messages: readonly (readonly [queue: string, location: string, body: string])[] = [
  ['1', 'x', 'Dec 29 10:00:01 web sshd[12]: Failed bob from 1.2.3.4 port 22 ssh2'],
  ['1', '[001] (web) any->/l', '2022-01-01T10:00:00.123456-07:00 web prog[7]: error xx1'],
  [
    '1',
    'x',
    '{"a":{"b":"12","c":[1,{"d":null}]},"id":"7","srcip":"10.2.3.4","c":"10.1.1.1","n":-1.5e9,"u":"\\u00e9\\n"}',
  ],
  ['1', 'x', 'rule 1/(match) block in on em0: 1.2.3.4.99 > 5.6.7.8.53:  udp 36'],
  ['1', 'x', 'id=fw pri=6 c=1 m=98 msg="x" src=1.2.3.4:10:X0 dst=5.6.7.8:20:X1 proto=udp/53 '],
  ['1', 'x', 'Alert Level: 5; Rule: 100 - x; Location: far->/log; srcip: 1.2.3.4; user: bob; the log'],
  ['1', 'x', '[Time 2006.12.28 15:53:55 UTC] [Facility auth] [Sender sshd] [Message Failed x from y] [Host h]'],
  [
    '8',
    '[001] (w) any->syscheck',
    '{"type":"event","data":{"path":"/x","mode":"realtime","type":"modified","version":3,"tags":"a","changed_attributes":["size"],"attributes":{"type":"file","size":1,"perm":{"S-1":{"allowed":["a"]}},"mtime":16,"hash_md5":"a"},"old_attributes":{"type":"file","size":2,"hash_md5":"b"},"audit":{"ppid":1}}}',
  ],
  ['9', 'rootcheck', "System Audit: x {PCI_DSS: 2.2, 3}. File: /etc/y. File '/z' odd"],
  [
    'd',
    'syscollector',
    '{"type":"dbsync_network_address","operation":"MODIFIED","data":{"iface":"e","proto":1,"address":"a"}}',
  ],
  ['e', 'wodle_cis-cat', '{"cis":{"score":5}}'],
  [
    'f',
    'x',
    '{"Message":"a\\"b","Event":"<Event><System><Provider Name=\'P\'/><EventID>1</EventID><Level>0</Level><Keywords>0x8020000000000000</Keywords></System><EventData><Data Name=\'A\'>b</Data><Data>c</Data></EventData></Event>"}',
  ],
  [
    'p',
    'sca',
    '{"type":"check","id":1,"policy":"P","policy_id":"p","check":{"id":5,"title":"t","compliance":{"cis":"1, 2"},"command":"a,b","result":"failed"}}',
  ],
  [
    'p',
    'sca',
    '{"type":"summary","policy_id":"p","scan_id":1,"start_time":1,"end_time":2,"passed":1,"failed":2,"invalid":0,"total_checks":3,"score":33,"hash":"h","hash_file":"f","file":"p","name":"P"}',
  ],
  ['3', 'x', 'Host: 192.0.2.1 (), open ports: 80 443'],
]
const pieces = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '<',
  '>',
  '</',
  '$',
  '$(',
  '(',
  ')',
  '|',
  '\0',
  '\xff',
  '\xc3\xa4',
  '.',
  '__proto__',
  '99999999999',
  ' ',
  '\n',
  '\\u0000',
  '!',
  '%',
  '*',
  '+',
]

/** Runs for so long; throws at the first finding, with what made it. */
export function fuzz(seconds: number, seed: number): void {
  const random = numbers(seed)
  const end = performance.now() + seconds * 1000
  const sound = compile(decoderText, ruleText, listText)
  if (sound === null) throw new Error('the ruleset that is to be mutated does not load')
  let round = new Round(sound)
  for (let n = 0; performance.now() < end; n++) {
    if (n % 500 === 0) round = new Round(sound)
    for (let k = 0; k < 20; k++) round.check(mutatedMessage(random))
    const loaded = compile(mutate(decoderText, random), mutate(ruleText, random), mutate(listText, random))
    if (loaded === null) continue
    const other = new Round(loaded)
    for (let k = 0; k < 4; k++) other.check(mutatedMessage(random))
  }
}

function compile(decoders: string, rules: string, list: string): Ruleset | null {
  const { ruleset, problems } = compileRuleset({
    decoders: [{ path: 'd.xml', text: decoders }],
    rules: [{ path: 'r.xml', text: rules }],
    lists: [{ name: 'etc/lists/l', path: 'l', text: list }],
  })
  const isRefused = problems.some(({ severity }) => severity === 'error')
  if ((ruleset === null) !== isRefused)
    throw new Error(`errors and answer disagree for ${JSON.stringify([decoders, rules])}`)
  for (const { at } of problems)
    if (!(at.line >= 1 && at.column >= 1))
      throw new Error(`a problem without place for ${JSON.stringify([decoders, rules])}`)
  return ruleset
}

const options = {
  managerName: 'manager',
  outputs: { alertsJson: true, alertsText: true, archivesJson: true, archivesText: true },
}

class Round {
  readonly #ruleset: Ruleset
  readonly #seasoned: Matcher
  readonly #correlator: Correlator
  readonly #outputs = new OutputBuffers()
  #number = 0

  constructor(ruleset: Ruleset) {
    this.#ruleset = ruleset
    this.#seasoned = new Matcher(ruleset, options)
    this.#correlator = new Correlator(ruleset, options)
  }

  check(input: EventInput): void {
    const batches = [this.#seasoned, new Matcher(this.#ruleset, options)].map((matcher) => {
      const writer = new MatchWriter()
      matcher.match(input, writer)
      return writer.finish()
    })
    const [mine, theirs] = batches.map(({ bytes, words }) => Buffer.concat([Buffer.from(bytes), Buffer.from(words)]))
    if (mine === undefined || theirs === undefined || !mine.equals(theirs))
      throw new Error(`a new matcher gives another answer for ${JSON.stringify(input)}`)
    for (const batch of batches.slice(0, 1)) this.#correlator.consume(batch, this.#number++, this.#outputs)
    const { alertsJson, archivesJson } = this.#outputs.take()
    for (const line of `${alertsJson.latin1Slice()}${archivesJson.latin1Slice()}`.split('\n')) {
      if (line === '') continue
      try {
        JSON.parse(line)
      } catch {
        throw new Error(`a line is no JSON for ${JSON.stringify(input)}: ${line}`)
      }
    }
  }
}

function mutatedMessage(random: () => number): EventInput {
  const [queue, location, body] = messages[Math.floor(random() * messages.length)] as (typeof messages)[number]
  return {
    queue: queue.charCodeAt(0),
    location: random() < 0.1 ? mutate(location, random) : location,
    body: random() < 0.05 ? body : mutate(body, random),
    timeMs: 1_767_000_000_000 + Math.floor(random() * 20_000),
  }
}

/** A few bytes changed, put in, taken out or doubled. */
function mutate(text: string, random: () => number): string {
  let result = text
  for (let n = Math.floor(random() * 4); n >= 0; n--) {
    const at = Math.floor(random() * (result.length + 1))
    const action = random()
    const length = Math.floor(random() * 20)
    if (action < 0.3)
      result = result.slice(0, at) + String.fromCharCode(Math.floor(random() * 256)) + result.slice(at + 1)
    else if (action < 0.65)
      result = result.slice(0, at) + pieces[Math.floor(random() * pieces.length)] + result.slice(at)
    else if (action < 0.85) result = result.slice(0, at) + result.slice(at + length)
    else if (action < 0.95) result = result.slice(0, at + length) + result.slice(at)
    else result = result.slice(0, at)
  }
  return result
}
