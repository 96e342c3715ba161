//! What a task may depend on, and a run may be asked for: tasks, tuples, vectors and arrays of them.

use std::slice;
use std::sync::Arc;
use std::vec;

use cenote_core::graph::TaskId;

use super::{Task, Value};

/// Tasks in a shape: one [`Task`], a tuple, a `Vec` or an array of such shapes. Implemented here for all that there is.
pub trait Dependencies: private::Sealed + Send + Sync + 'static {
    /// The results by reference, in the same shape: what a closure sees.
    type Values<'a>;
    /// The results to keep, in the same shape: what a run gives.
    type Results;

    #[doc(hidden)]
    fn visit(&self, see: &mut dyn FnMut(u32, TaskId));
    #[doc(hidden)]
    fn read<'a>(&self, values: &mut slice::Iter<'a, Value>) -> Self::Values<'a>;
    #[doc(hidden)]
    fn collect(self, values: &mut vec::IntoIter<Value>) -> Self::Results;
}

mod private {
    /// Nobody else implements [`super::Dependencies`]: its methods are between this module and the graph.
    pub trait Sealed {}
}

const PRESENT: &str = "there is a value for each task that was visited";
const TYPED: &str = "a handle has the type of its task's result";

impl<T> private::Sealed for Task<T> {}

impl<T: Send + Sync + 'static> Dependencies for Task<T> {
    type Values<'a> = &'a T;
    type Results = Arc<T>;

    fn visit(&self, see: &mut dyn FnMut(u32, TaskId)) {
        see(self.graph, self.id);
    }

    fn read<'a>(&self, values: &mut slice::Iter<'a, Value>) -> &'a T {
        values.next().expect(PRESENT).downcast_ref().expect(TYPED)
    }

    fn collect(self, values: &mut vec::IntoIter<Value>) -> Arc<T> {
        values.next().expect(PRESENT).downcast().expect(TYPED)
    }
}

impl<D: Dependencies> private::Sealed for Vec<D> {}

impl<D: Dependencies> Dependencies for Vec<D> {
    type Values<'a> = Vec<D::Values<'a>>;
    type Results = Vec<D::Results>;

    fn visit(&self, see: &mut dyn FnMut(u32, TaskId)) {
        for one in self {
            one.visit(see);
        }
    }

    fn read<'a>(&self, values: &mut slice::Iter<'a, Value>) -> Self::Values<'a> {
        self.iter().map(|one| one.read(values)).collect()
    }

    fn collect(self, values: &mut vec::IntoIter<Value>) -> Self::Results {
        self.into_iter().map(|one| one.collect(values)).collect()
    }
}

impl<D: Dependencies, const N: usize> private::Sealed for [D; N] {}

impl<D: Dependencies, const N: usize> Dependencies for [D; N] {
    type Values<'a> = [D::Values<'a>; N];
    type Results = [D::Results; N];

    fn visit(&self, see: &mut dyn FnMut(u32, TaskId)) {
        for one in self {
            one.visit(see);
        }
    }

    fn read<'a>(&self, values: &mut slice::Iter<'a, Value>) -> Self::Values<'a> {
        self.each_ref().map(|one| one.read(values))
    }

    fn collect(self, values: &mut vec::IntoIter<Value>) -> Self::Results {
        self.map(|one| one.collect(values))
    }
}

macro_rules! tuple {
    ($($part:ident $index:tt)*) => {
        impl<$($part: Dependencies),*> private::Sealed for ($($part,)*) {}

        #[allow(clippy::unused_unit, clippy::semicolon_if_nothing_returned, unused_variables, reason = "the empty tuple")]
        impl<$($part: Dependencies),*> Dependencies for ($($part,)*) {
            type Values<'a> = ($($part::Values<'a>,)*);
            type Results = ($($part::Results,)*);

            fn visit(&self, see: &mut dyn FnMut(u32, TaskId)) {
                $(self.$index.visit(see);)*
            }

            fn read<'a>(&self, values: &mut slice::Iter<'a, Value>) -> Self::Values<'a> {
                ($(self.$index.read(values),)*)
            }

            fn collect(self, values: &mut vec::IntoIter<Value>) -> Self::Results {
                ($(self.$index.collect(values),)*)
            }
        }
    };
}

tuple!();
tuple!(A 0);
tuple!(A 0 B 1);
tuple!(A 0 B 1 C 2);
tuple!(A 0 B 1 C 2 D 3);
tuple!(A 0 B 1 C 2 D 3 E 4);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7);
