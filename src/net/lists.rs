//! The lists of connections that a turn works off: each is on a list once.

use super::core::Core;
use super::service::ConnId;

impl Core {
    /// There may be something to write, or the connection may be finished.
    pub(crate) fn mark_dirty(&mut self, id: ConnId) {
        if let Some(entry) = self.conns.get_mut(id.0).filter(|entry| !entry.dirty && !entry.doomed)
        {
            entry.dirty = true;
            self.dirty.push(id);
        }
    }

    pub(crate) fn take_dirty(&mut self, into: &mut Vec<ConnId>) {
        into.append(&mut self.dirty);
        for id in into.iter() {
            if let Some(entry) = self.conns.get_mut(id.0) {
                entry.dirty = false;
            }
        }
    }

    /// Frames are to be handled in the next turn.
    pub(crate) fn mark_ready(&mut self, id: ConnId) {
        if let Some(entry) = self.conns.get_mut(id.0).filter(|entry| !entry.ready && !entry.doomed)
        {
            entry.ready = true;
            self.ready.push_back(id);
        }
    }

    /// The connection whose frames have waited longest.
    pub(crate) fn pop_ready(&mut self) -> Option<ConnId> {
        let id = self.ready.pop_front()?;
        if let Some(entry) = self.conns.get_mut(id.0) {
            entry.ready = false;
        }
        Some(id)
    }
}
