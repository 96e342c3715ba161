//! `_native.grouping`: the groups that the keys of a graph fall into by their names, and the edges between them.

use cenote_core::graph::TaskId;
use cenote_core::key::prefix_of;
use hashbrown::HashMap;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use rustc_hash::FxBuildHasher;

use crate::specification::{Reader, Specification};

/// A key, its value, and the keys that the value names.
type Sample<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyTuple>);

/// Names, the group of each key, edges between groups, and samples of each.
type Grouping<'py> = (Vec<Bound<'py, PyAny>>, Vec<u32>, Vec<(u32, u32, u64)>, Vec<Vec<Sample<'py>>>);

/// Groups by name, in the order in which the graph first shows them.
#[derive(Default)]
struct Groups<'py> {
    names: Vec<Bound<'py, PyAny>>,
    by_text: HashMap<String, u32, FxBuildHasher>,
    /// The same by address: of the many tuples of one collection most begin with the same object.
    by_object: HashMap<usize, u32, FxBuildHasher>,
}

impl<'py> Groups<'py> {
    /// The group of a key: the name of its collection, or its leading words. `name` names what is neither text nor a
    /// tuple that begins with text.
    fn group(&mut self, key: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> PyResult<u32> {
        if let Ok(text) = key.cast_exact::<PyString>() {
            let Ok(text) = text.to_str() else { return self.named(&name.call1((key,))?) };
            return self.enter(&prefix_of(text), |text| PyString::new(key.py(), text).into_any());
        }
        if let Ok(tuple) = key.cast_exact::<PyTuple>()
            && let Ok(first) = tuple.get_item(0)
            && first.is_exact_instance_of::<PyString>()
        {
            // The key lives as long as the groups are looked for, and so does its name: the address is not another's.
            let address = first.as_ptr() as usize;
            if let Some(group) = self.by_object.get(&address) {
                return Ok(*group);
            }
            let group = self.named(&first)?;
            self.by_object.insert(address, group);
            return Ok(group);
        }
        self.named(&name.call1((key,))?)
    }

    fn named(&mut self, name: &Bound<'py, PyAny>) -> PyResult<u32> {
        let text = name.cast::<PyString>()?;
        match text.to_str() {
            Ok(text) => self.enter(text, |_| name.clone()),
            // Text that no UTF-8 says is told by what it looks like.
            Err(_) => self.enter(&name.repr()?.to_string(), |_| name.clone()),
        }
    }

    fn enter(&mut self, text: &str, name: impl FnOnce(&str) -> Bound<'py, PyAny>) -> PyResult<u32> {
        if let Some(group) = self.by_text.get(text) {
            return Ok(*group);
        }
        let group = u32::try_from(self.names.len()).map_err(|_| PyTypeError::new_err("too many groups"))?;
        self.by_text.insert(text.to_owned(), group);
        self.names.push(name(text));
        Ok(group)
    }
}

/// Returns what a graph looks like from afar: the names of its groups; the number of each key's group, in the order of
/// the keys; for each pair of groups that are linked, how many edges lead from the one to the other; and of each group
/// the first `samples` tasks.
///
/// # Errors
/// What a key, a value or `name` raises.
#[pyfunction]
#[pyo3(signature = (dsk, name, samples, /))]
pub fn grouping<'py>(dsk: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>, samples: usize) -> PyResult<Grouping<'py>> {
    let py = dsk.py();
    let Specification { mut keys, values } = Specification::read(dsk)?;
    let mut reader = Reader::new(py)?;
    let mut groups = Groups::default();
    let mut group_of = Vec::with_capacity(values.len());
    for task in 0..values.len() {
        group_of.push(groups.group(keys.object(py, TaskId(task as u32)), name)?);
    }
    let mut edges = HashMap::<(u32, u32), u64, FxBuildHasher>::default();
    let mut shown: Vec<Vec<Sample<'py>>> = (0..groups.names.len()).map(|_| Vec::new()).collect();
    let (mut names, mut named_by) = (Vec::new(), vec![u32::MAX; values.len()]);
    for (task, value) in values.iter().enumerate() {
        names.clear();
        reader.names(value, &mut names, &mut |key, _| keys.find(key))?;
        let group = group_of[task];
        for name in &names {
            if std::mem::replace(&mut named_by[name.index()], task as u32) != task as u32 {
                *edges.entry((group_of[name.index()], group)).or_default() += 1;
            }
        }
        let shown = &mut shown[group as usize];
        if shown.len() < samples {
            let needed = PyTuple::new(py, names.iter().map(|name| keys.object(py, *name)))?;
            shown.push((keys.object(py, TaskId(task as u32)).clone(), value.clone(), needed));
        }
    }
    let mut edges: Vec<_> = edges.into_iter().map(|((start, end), count)| (start, end, count)).collect();
    edges.sort_unstable();
    Ok((groups.names, group_of, edges, shown))
}
