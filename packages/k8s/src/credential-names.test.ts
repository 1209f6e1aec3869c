import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { credentialNames } from './credential-names.ts'

const inData = (key: string, value: string) => credentialNames({ data: { [key]: value } })

describe('credentials in a config map', () => {
  const found: [says: string, key: string, text: string, names: string[]][] = [
    ['an entry', 'db_password', 'hunter2', ['db_password']],
    ['an entry in upper case', 'PGPASSWORD', 'hunter2', ['pgpassword']],
    ['an entry in camel case', 'clientSecret', 'abc', ['clientsecret']],
    ['an entry with the ending of a file', 'redis-password.txt', 'abc\n', ['redis-password']],
    ['an entry of few letters', 'passphrase', 'x', ['passphrase']],
    ['a passphrase of words', 'passphrase', 'correct horse battery staple', ['passphrase']],
    ['a key id that is a number', 'x', 'aws_access_key_id=1', ['aws_access_key_id']],
    ['properties', 'app.properties', 'a=b\nspring.datasource.password=hunter2\n', ['spring.datasource.password']],
    ['YAML', 'app.yaml', 'db:\n  password: "hunter2"\n', ['password']],
    ['YAML with a comment behind', 'app.yaml', 'password: hunter2 # of the old host', ['password']],
    ['JSON', 'app.json', '{"apiKey":"abc","b":1}', ['apikey']],
    ['JSON inside a string', 'app.json', '"{\\"apiKey\\":\\"abc\\"}"', ['apikey']],
    ['XML', 'a.xml', '<password>hunter2</password>', ['password']],
    ['an arrow', 'pipeline', 'password => "hunter2"', ['password']],
    ['environment variables of a template', 't.yaml', '- name: DB_PASSWORD\n  value: hunter2\n', ['db_password']],
    ['a directive of Redis', 'redis.conf', 'requirepass foobared', ['requirepass']],
    ['an address', 'DATABASE_URL', 'postgres://app:hunter2@db:5432/x', ['password in an address']],
    ['a flag', 'run.sh', 'exec app --password=hunter2 --port=1', ['password']],
    ['a private key', 'id_rsa', '-----BEGIN OPENSSH PRIVATE KEY-----\nabc', ['private key']],
    ['a key of a cloud', 'x', 'key = AKIAABCDEFGHIJKLMNOP', ['access key id']],
    ['each name once', 'x', 'password=a\nPassword=b', ['password']],
    ['Azure', 'x', 'AccountName=a;AccountKey=abc==;', ['accountkey']],
    ['a token', 'SLACK_TOKEN', 'xoxb-1', ['slack_token']],
  ]
  test.each(found)('%s', (_, key, text, names) => expect(inData(key, text)).toEqual(names))

  const silent: [says: string, key: string, text: string][] = [
    ['a length', 'PASSWORD_MIN_LENGTH', '12'],
    ['a length in a file', 'app.env', 'PASSWORD_MIN_LENGTH=12\nPASSWORD_RESET_TIMEOUT=300'],
    ['a policy', 'realm.json', '{"passwordPolicy":"length(8)","password_hash":"argon2"}'],
    ['a file', 'DB_PASSWORD_FILE', '/run/secrets/db'],
    ['a path', 'private_key', '/etc/tls/tls.key'],
    ['a path in YAML', 'app.yaml', 'privateKey: ./tls.key'],
    ['a variable', 'app.yaml', 'password: \x24{DB_PASSWORD}'],
    ['a variable in a shell', 'run.sh', 'export PGPASSWORD=$DB_PASSWORD PASSWORD=$(cat /x)'],
    ['a template', 'app.yaml', 'password: {{ .Values.password }}'],
    ['an empty value', 'app.yaml', 'password:\nuser: x'],
    ['an empty entry', 'password', ''],
    ['a switch', 'app.yaml', 'resetPassword: true\nrequirePassword: 1'],
    ['a mask', 'app.yaml', 'password: "********"'],
    ['a comment', 'redis.conf', '# requirepass foobared\n# password: x\n// password: y\n; password=z'],
    [
      'a reference to a secret',
      'app.yaml',
      'existingSecret: db\npasswordSecretRef: x\nsecretKeyRef:\n  key: password\n',
    ],
    ['a reference of a store', 'app.yaml', 'password: vault:secret/data/db#password'],
    ['a label of a page', 'en.json', '{"login.password":"Password","password":"Enter your password"}'],
    ['a schema', 'schema.json', '{"password":{"type":"string"}}'],
    ['a type', 'api.yaml', 'password: string'],
    ['code', 'app.js', 'const password = readPassword()\nx.password = req.body.password\nif (password == other) {}'],
    ['a page', 'CHANGE_PASSWORD', 'https://login.example.com/change'],
    ['an address without a password', 'URL', 'postgres://app@db/x http://proxy:3128/'],
    ['an address with a variable', 'URL', 'postgres://app:\x24{PASSWORD}@db/x'],
    ['headers', 'cors', 'X-API-Key, Authorization'],
    ['a proxy', 'nginx.conf', 'proxy_pass http://web:80;\nfastcgi_pass unix:/run/x'],
    ['environment from a secret', 't.yaml', '- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: {}'],
    ['a certificate', 'ca.crt', '-----BEGIN CERTIFICATE-----\nMIID'],
  ]
  test.each(silent)('nothing in %s', (_, key, text) => expect(inData(key, text)).toEqual([]))

  test('in binary data too', () => {
    expect(credentialNames({ binaryData: { x: Buffer.from('password=a').toString('base64') } })).toEqual(['password'])
  })

  test('of odd types there are none', () => {
    for (const odd of [null, 1, 'x', [], { data: [] }, { data: { password: 1 } }])
      expect(credentialNames(odd)).toEqual([])
  })

  test('no text is too much: names are bounded in number and length, and never throw', () => {
    const long = `${'password'.repeat(5000)}=x\n`.repeat(20)
    expect(inData('x', long).every((name) => name.length <= 80)).toBe(true)
    expect(inData('x', Array.from({ length: 500 }, (_, n) => `n${n}_password=a`).join('\n')).length).toBe(64)
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('password', '=', ':', ' ', '"', '\\', '\n', '://', '@', '>', 'a')),
        (parts) => {
          expect(inData('k', parts.join('')).length).toBeLessThanOrEqual(64)
        },
      ),
    )
  })
})
