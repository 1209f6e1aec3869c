import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { withoutSecrets } from './secrets.ts'

describe('what a reader of a configuration sees', () => {
  test.each([
    ['a key of a cluster', '<cluster><key>S3</key></cluster>', '<cluster><key>*****</key></cluster>'],
    ['the address of a hook', '<hook_url>https://a/S3</hook_url>', '<hook_url>*****</hook_url>'],
    ['one with an attribute, in capitals', '<API_KEY a="b">S3</API_KEY >', '<API_KEY a="b">*****</API_KEY >'],
    ['one with a mark in an attribute', '<key a="<">S3</key>', '<key a="<">*****</key>'],
    ['over lines', '<password>\nS3\n</password>', '<password>*****</password>'],
    ['behind a comment', '<password><!-- old -->S3</password>', '<password>*****</password>'],
    ['one that does not end', '<key>S3<a>b</a>', '<key>*****'],
    ['two of them', '<key>S3</key> b <key>S4</key>', '<key>*****</key> b <key>*****</key>'],
    ['in a comment', '<!-- <api_key>S3</api_key> -->', '<!-- <api_key>*****</api_key> -->'],
    ['a name that only begins alike', '<key_request>yes</key_request>', '<key_request>yes</key_request>'],
    ['no secret at all', '<global><logall>yes</logall></global>', '<global><logall>yes</logall></global>'],
  ])('%s', (_, text, wanted) => {
    expect(withoutSecrets(text)).toBe(wanted)
  })

  test('whatever stands around it, a secret is not told', () => {
    const piece = fc.constantFrom('<key>', '</key>', '<a>', '</a>', '<!--', '-->', '<key ', '>', ' ', '\n', 'text')
    const around = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(around, around, (before, after) => {
        const text = withoutSecrets(`${before}<password>S3cret</password>${after}`)
        expect(text).not.toContain('S3cret')
        expect(text).toContain('*****')
      }),
    )
  })
})
