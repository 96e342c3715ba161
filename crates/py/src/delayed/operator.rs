//! The operators: pure calls of the functions of Python's module `operator`.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use super::call::{Call, pure_call};
use super::node::Delayed;

/// A function of the module `operator`.
#[derive(Clone, Copy)]
pub enum Operator {
    Abs,
    Add,
    And,
    Call,
    Eq,
    Floordiv,
    Ge,
    Getitem,
    Gt,
    Invert,
    Le,
    Lshift,
    Lt,
    Matmul,
    Mod,
    Mul,
    Ne,
    Neg,
    Or,
    Pos,
    Pow,
    Rshift,
    Sub,
    Truediv,
    Xor,
}

/// Their names, in the order of the variants.
const NAMES: [&str; 25] = [
    "abs", "add", "and_", "call", "eq", "floordiv", "ge", "getitem", "gt", "invert", "le", "lshift", "lt", "matmul",
    "mod", "mul", "ne", "neg", "or_", "pos", "pow", "rshift", "sub", "truediv", "xor",
];

impl Operator {
    /// The Python function.
    pub fn function(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        static FUNCTIONS: PyOnceLock<Vec<Py<PyAny>>> = PyOnceLock::new();
        let functions = FUNCTIONS.get_or_try_init(py, || {
            let module = py.import("operator")?;
            NAMES.iter().map(|name| module.getattr(*name).map(Bound::unbind)).collect::<PyResult<Vec<_>>>()
        })?;
        Ok(functions[self as usize].bind(py).clone())
    }

    /// The node of this operator between two operands.
    pub fn between<'py>(self, left: impl IntoPyAny<'py>, right: impl IntoPyAny<'py>) -> PyResult<Bound<'py, Delayed>> {
        let (left, right) = (left.into_any(), right.into_any());
        pure_call(self.function(left.py())?, [left, right])
    }

    /// The node of this operator on one operand.
    pub fn on<'py>(self, operand: &Bound<'py, Delayed>) -> PyResult<Bound<'py, Delayed>> {
        let py = operand.py();
        let call =
            Call { func: self.function(py)?, receiver: Some(operand), pure: Some(true), length: None, settled: true };
        call.with(&PyTuple::empty(py), None)
    }
}

/// The node of a power, to a modulus where there is one.
pub fn power<'py>(
    [base, exponent]: [Bound<'py, PyAny>; 2],
    modulus: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, Delayed>> {
    let Some(modulus) = modulus else { return Operator::Pow.between(base, exponent) };
    let py = base.py();
    let call = Call {
        func: py.import("builtins")?.getattr("pow")?,
        receiver: None,
        pure: Some(true),
        length: None,
        settled: true,
    };
    call.with(&PyTuple::new(py, [base, exponent, modulus])?, None)
}

/// An operand: a node or any object.
pub trait IntoPyAny<'py> {
    /// The operand as an object.
    fn into_any(self) -> Bound<'py, PyAny>;
}

impl<'py> IntoPyAny<'py> for Bound<'py, Delayed> {
    fn into_any(self) -> Bound<'py, PyAny> {
        Bound::into_any(self)
    }
}

impl<'py> IntoPyAny<'py> for Bound<'py, PyAny> {
    fn into_any(self) -> Bound<'py, PyAny> {
        self
    }
}
