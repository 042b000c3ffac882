//! The last few values that were asked for.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Up to `N` values by their keys; the least recently used one makes room.
pub struct Recent<K, V, const N: usize> {
    /// The most recently used first.
    held: RefCell<VecDeque<(K, Rc<V>)>>,
}

impl<K, V, const N: usize> Default for Recent<K, V, N> {
    fn default() -> Self {
        Recent { held: RefCell::default() }
    }
}

impl<K: PartialEq, V, const N: usize> Recent<K, V, N> {
    /// The value kept under this key, or made and kept. What fails is not kept.
    pub fn get<E>(&self, key: K, make: impl FnOnce() -> Result<V, E>) -> Result<Rc<V>, E> {
        let found = self.take(&key);
        let value = found.map_or_else(|| make().map(Rc::new), Ok)?;
        let mut held = self.held.borrow_mut();
        held.push_front((key, value.clone()));
        held.truncate(N);
        Ok(value)
    }

    fn take(&self, key: &K) -> Option<Rc<V>> {
        let mut held = self.held.borrow_mut();
        let at = held.iter().position(|(kept, _)| kept == key)?;
        held.remove(at).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_made_once_while_they_are_among_the_last() {
        let recent: Recent<u8, u8, 2> = Recent::default();
        let mut made = Vec::new();
        let mut get = |key: u8| {
            let value = recent.get(key, || {
                made.push(key);
                Ok::<_, ()>(key)
            });
            assert_eq!(value.as_deref(), Ok(&key));
        };
        [1, 2, 1, 2, 1, 3, 1, 2].into_iter().for_each(&mut get);
        assert_eq!(made, [1, 2, 3, 2]);
        assert_eq!(recent.get(4, || Err("no")), Err("no"));
        assert_eq!(recent.get(4, || Ok::<_, ()>(5)).as_deref(), Ok(&5), "a failure is not kept");
    }
}
