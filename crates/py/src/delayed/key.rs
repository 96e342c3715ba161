//! Keys, made when somebody asks: `prefix-token` of a pure call, `prefix-uuid` of any other.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use super::method::MethodCaller;
use super::node::{Delayed, Task};
use super::piece::{self, Builder, Shape};
use super::walk::Walked;

/// The key of a node, which never changes from now on.
pub fn of<'py>(node: &Bound<'py, Delayed>) -> PyResult<Bound<'py, PyAny>> {
    let py = node.py();
    if let Some(key) = node.get().key.get(py) {
        return Ok(key.bind(py).clone());
    }
    if node.get().pure {
        // The key of a pure call is made of the keys of what it needs: those first, so that a chain costs no stack. That
        // of any other is made on the way, since it needs nothing.
        let known = |node: &Delayed| !node.pure || node.key.get(py).is_some();
        for needed in Walked::from(py, [node.as_unbound()], known).iter() {
            make(needed.bind(py))?;
        }
    } else {
        make(node)?;
    }
    Ok(node.get().key.get(py).expect("the key was made just now").bind(py).clone())
}

/// Makes the key of a node whose dependencies have theirs, if it is pure.
fn make(node: &Bound<'_, Delayed>) -> PyResult<()> {
    let py = node.py();
    let prefix = prefix(node)?;
    let token = if node.get().pure { token(node)? } else { uuid4(py)? };
    let key = PyString::new(py, &format!("{prefix}-{token}"));
    // Another thread may have been faster: then its key is the key.
    let _ = node.get().key.set(py, key.into_any().unbind());
    Ok(())
}

/// The word that a key begins with.
pub fn prefix(node: &Bound<'_, Delayed>) -> PyResult<String> {
    let py = node.py();
    match &node.get().task {
        Task::Leaf { value, .. } => {
            let value = value.bind(py);
            match value.getattr_opt(intern!(py, "__name__"))? {
                Some(name) => Ok(name.str()?.to_string()),
                None => Ok(value.get_type().name()?.to_string()),
            }
        }
        Task::Nested { prefix, .. } => Ok(prefix.bind(py).to_string()),
        Task::Attribute { .. } => Ok("getattr".to_owned()),
        Task::Call { func, .. } => function_name(func.bind(py)),
        Task::Graph(_) => Ok("finalize".to_owned()),
    }
}

/// What a function is called, in at most 50 characters.
fn function_name(func: &Bound<'_, PyAny>) -> PyResult<String> {
    static OTHERS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = func.py();
    if let Ok(method) = func.cast_exact::<MethodCaller>() {
        return Ok(method.getattr(intern!(py, "method"))?.str()?.to_string().chars().take(50).collect());
    }
    let name = if func.is_exact_instance_of::<pyo3::types::PyFunction>() {
        func.getattr(intern!(py, "__name__"))?.str()?.to_string()
    } else {
        OTHERS.import(py, "cenote.utils", "funcname")?.call1((func,))?.str()?.to_string()
    };
    Ok(if name == "<lambda>" { "lambda".to_owned() } else { name.chars().take(50).collect() })
}

/// The token of what a pure node does: equal for equal calls.
fn token(node: &Bound<'_, Delayed>) -> PyResult<String> {
    static TOKENIZE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = node.py();
    let tokenize = TOKENIZE.import(py, "cenote.tokenize", "tokenize")?;
    let this = node.get();
    let token = match &this.task {
        Task::Leaf { value, .. } => tokenize.call1((value, this.length()))?,
        Task::Attribute { pieces, name } => {
            let owner = piece::build(py, pieces, &mut AsGiven)?;
            tokenize.call1((PyTuple::new(py, owner)?, name))?
        }
        Task::Nested { pieces, .. } => tokenize.call1(PyTuple::new(py, piece::build(py, pieces, &mut AsGiven)?)?)?,
        Task::Call { func, pieces, names } => {
            let (args, kwargs) = arguments(py, pieces, names.as_ref(), &mut AsGiven)?;
            let mut all = vec![func.bind(py).clone()];
            all.extend(args);
            tokenize.call(PyTuple::new(py, all)?, Some(&kwargs))?
        }
        Task::Graph(elsewhere) => tokenize.call1((&elsewhere.graph,))?,
    };
    Ok(token.str()?.to_string())
}

/// What a program of arguments leaves: those passed by position, and those passed by name.
pub fn arguments<'py>(
    py: Python<'py>,
    pieces: &[piece::Piece],
    names: Option<&Py<PyTuple>>,
    builder: &mut impl Builder<'py>,
) -> PyResult<(Vec<Bound<'py, PyAny>>, Bound<'py, PyDict>)> {
    let mut args = piece::build(py, pieces, builder)?;
    let kwargs = PyDict::new(py);
    if let Some(names) = names {
        let names = names.bind(py);
        let passed = args.split_off(args.len() - names.len());
        for (name, value) in names.iter().zip(passed) {
            kwargs.set_item(name, value)?;
        }
    }
    Ok((args, kwargs))
}

/// A random identifier, as `uuid.uuid4` writes it, at a fifth of the price.
fn uuid4(py: Python<'_>) -> PyResult<String> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    static RANDOM: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let bytes = RANDOM.import(py, "os", "urandom")?.call1((16,))?;
    let mut bytes: [u8; 16] = bytes.cast::<PyBytes>()?.as_bytes().try_into().expect("sixteen bytes were asked for");
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.into_iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 15)].into());
    }
    Ok(text)
}

/// Builds the arguments as the user gave them.
pub struct AsGiven;

impl<'py> Builder<'py> for AsGiven {
    fn task(&mut self, task: &Bound<'py, Delayed>) -> PyResult<Bound<'py, PyAny>> {
        Ok(task.clone().into_any())
    }

    fn reference(&mut self, object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        Ok(object.clone())
    }

    fn container(
        &mut self,
        py: Python<'py>,
        shape: Shape,
        items: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        shape.of(py, items)
    }
}
