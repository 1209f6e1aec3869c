/**
 * Vectors of the agent channel (spec: agent-protocol, part 4), for tests: what each message says, and its bytes as two other implementations make them.
 */

export const vectorEntry = {
  id: '001',
  name: 'vec-agent',
  ip: 'any',
  key: '3f2b6c1d9e8a7b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c',
}

/** A message: framed with AES, framed with Blowfish, and what it holds. */
export const vectors = [
  {
    says: 'a start-up message',
    payload: '#!-agent startup {"version":"v4.14.7"}',
    counter: { global: 0, local: 1 },
    aes: '6a0000002130303121234145533a1dc9228ec6ded95df45cd6fdaae37dc9c850ff14cbcd9bf26e63747bb146f586c0ca47935e7a91833001155b9a5733961047680a43c073c0c719e50630c5165bad0db459af5a51d8509821b0664fb39ac26baa64091c6bb13d052545e93adf05',
    blowfish:
      '5e00000021303031213abf20e0ef851a8b674629a7f5ee8948b69d5f725e5fc9c5887b2cb16969ad2f796bf117dc421e54d6169bd0c066b5bddcc5c37358cb6beb5c7f10a64614c63538e3e894fbaf6154a6cc0c0546e14a95ae1cc749866b387b3a',
  },
  {
    says: 'an acknowledgement of the manager',
    payload: '#!-agent ack ',
    counter: { global: 7, local: 42 },
    aes: '55000000234145533a7b4419613917ee92a6c93f83ff3d89431e295328cc810b7e77d099a7db5c9bd1c07d271471dfa32fda2a54372253c0b4cf42aac87f243d06a1a5d053f3ce20c834d9e80f4eab00254ccf3dade017ecff',
    blowfish:
      '490000003a91f2c6cc9c207322aad61ab136747ba3b9960fe0d2e5ad37bff22f6fab6fa30e75216cc2e199598a2126ee6768e24298b554930afdd3ee622cb44c7e703e62793f76fe5ba42afdeb',
  },
  {
    says: 'a log event',
    payload:
      '1:/var/log/auth.log:Nov 22 10:00:00 web1 sshd[812]: Failed password for root from 203.0.113.9 port 52144 ssh2',
    counter: { global: 0, local: 2 },
    aes: 'aa0000002130303121234145533a49e242d1239d0003dd02ab6058ee13ae4b13b1b9060b777fa06802e4a4614994f467097c5d7592cb2e2e0c4030d228e362822ddeed950768c3e23a78a09ee5c9633999b9d4e19e7eba3d1d75bd7e1b765986474e9151507becd29630e6823cb60585ba1e3e1ea539e9112ddcdd76d7254c3c962358e39523d184fa5439c45e1367739b3baa4909344941f7eeda153e527b5abd966ac2dee499369edf56c58734',
    blowfish:
      '9600000021303031213a5d0460295e171166bc74f383c0f83e367383ceaf85d40222fcdad03358bd88b83c5c4b37427b432e1ef16334f93c09e7b56623d92ab91689473444ab7f12f819d2064128c8896e7c33baabf0b0ff92e81c61176e133c7061dfaf4beed5dc68cc3619f26fbb03ce1162f253ea1ba32a481e38570deef2a08c69aa553d87d88c8d1865e00c9669a5b71065ce18ae19e3bb',
  },
] as const

/** The start-up message packed with zlib's level 0, which is the same in every zlib: ciphertext without frame, with the random digits 12345. */
export const storedStartup = {
  aes: 'fda4d0c2a10dcfdd2013f0b87bf12265534457e02717b767c21acce2e7d2f0cf82bee974447785cc6576827d4698a0d3550f52d3e59db9618863b0648804e2e2b984b92d54bd81008e755142d6b46e81861e398e8291519cbfc44f80d4fdb7a29cc30593c0302c02a80328188222be98',
  blowfish:
    'f60c76bcaba2380f1bcbf5bfa1dcd4446afea333a54c34b157e4a624843433386abd78952a7674d104809d6aa886f99575615d99d59ac7818c415629aca0c79c3790c8c48a662fa204d776cdc57daae0430c4cf3d8b18dba8036e7220d93798b0d60ebba0487f281',
} as const
