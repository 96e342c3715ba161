//! Classes: the pickled classes of results. There are few, and each is kept once, apart from the message that it came in:
//! bytes of a message keep the whole of it alive.

use std::sync::Arc;

use bytes::Bytes;

use super::registry::Map;
use super::stimulus::Text;

/// Classes that are kept. Beyond these each result has its own copy.
const CLASSES_MAX: usize = 4096;

/// The classes of results that have been seen.
#[derive(Debug, Default)]
pub(super) struct Classes(Map<Bytes, Arc<Class>>);

/// The class of a result.
#[derive(Debug)]
pub(super) struct Class {
    pub pickle: Bytes,
    pub name: Text,
}

impl Classes {
    /// The same class, in memory of its own.
    pub fn own(&mut self, class: &Bytes, name: &Text) -> Arc<Class> {
        if let Some(known) = self.0.get(class) {
            return known.clone();
        }
        let pickle = Bytes::copy_from_slice(class);
        let own = Arc::new(Class { pickle: pickle.clone(), name: name.clone() });
        if self.0.len() < CLASSES_MAX {
            self.0.insert(pickle, own.clone());
        }
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_kept_once_and_not_in_its_message() {
        let mut classes = Classes::default();
        let message = Bytes::from(b"class, and much more".to_vec());
        let first = classes.own(&message.slice(..5), &"int".into());
        let second = classes.own(&Bytes::from_static(b"class"), &"int".into());
        assert_eq!(first.pickle, message.slice(..5));
        assert_ne!(first.pickle.as_ptr(), message.as_ptr());
        assert_eq!(first.pickle.as_ptr(), second.pickle.as_ptr());
    }
}
