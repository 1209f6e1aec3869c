import { expect, test } from 'vitest'
import { joined, registryOf, repositoryOf } from './image-names.ts'

const cases: [says: string, image: string, repository: string, registry: string][] = [
  ['a short name comes from the default registry', 'nginx', 'nginx', 'docker.io'],
  ['a tag is no part of the name', 'nginx:1.27', 'nginx', 'docker.io'],
  [
    'a port is no tag',
    'registry.example.com:5000/shop/web',
    'registry.example.com:5000/shop/web',
    'registry.example.com:5000',
  ],
  ['a port and a tag', 'registry.example.com:5000/web:2', 'registry.example.com:5000/web', 'registry.example.com:5000'],
  ['a digest is no part of the name', 'quay.io/a/b@sha256:0123', 'quay.io/a/b', 'quay.io'],
  ['a tag and a digest', 'quay.io/a/b:1@sha256:0123', 'quay.io/a/b', 'quay.io'],
  ['an account of the default registry', 'calico/node:v3', 'calico/node', 'docker.io'],
  ['this machine', 'localhost/web', 'localhost/web', 'localhost'],
]
test.each(cases)('%s', (_, image, repository, registry) => {
  expect([repositoryOf(image), registryOf(image)]).toEqual([repository, registry])
})

test('all images of a pod make one key, whatever their order', () => {
  expect(joined(['b:1', 'a:2', 'b:3'], repositoryOf)).toBe('a,b')
})
