/** Configurations as those see them who may read, but not change them: without what opens something elsewhere. In: the file's text. Out: the same, masked. */

/** Elements of ossec.conf and agent.conf, of Wazuh's too, whose text is a secret; a hook's address holds one. */
const secretElements = [
  'access_key',
  'api_key',
  'api_token',
  'client_secret',
  'hook_url',
  'key',
  'password',
  'secret_key',
  'secret_value',
  'shared_key',
]
const maskText = '*****'

/** Where an element does not end, all that follows is masked: no broken file tells more than a whole one, and each character is looked at once. */
const secretPattern = new RegExp(`(<(${secretElements.join('|')})(?:\\s[^>]{0,200})?>)[^]*?(?=</\\2\\s*>|$)`, 'gi')

export function withoutSecrets(text: string): string {
  return text.replace(secretPattern, `$1${maskText}`)
}
