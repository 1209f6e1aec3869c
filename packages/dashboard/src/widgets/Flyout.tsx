/** A panel that comes in from the right over the page: details of what was chosen. Escape closes it, and the focus returns. */
import { Drawer } from '@mantine/core'
import type { ReactNode } from 'react'

export interface FlyoutProps {
  readonly isOpen: boolean
  readonly onClose: () => void
  readonly title: ReactNode
  readonly children: ReactNode
}

export function Flyout({ isOpen, onClose, title, children }: FlyoutProps) {
  return (
    <Drawer
      opened={isOpen}
      onClose={onClose}
      position="right"
      size="min(760px, 100%)"
      title={title}
      padding="md"
      overlayProps={{ backgroundOpacity: 0.25 }}
      transitionProps={{ duration: 0 }}
      closeButtonProps={{ 'aria-label': 'Close' }}
      classNames={{ title: 'flyout-title', body: 'flyout-body' }}
    >
      {children}
    </Drawer>
  )
}
