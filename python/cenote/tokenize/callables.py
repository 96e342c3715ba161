"""Normal forms of functions, methods, classes and what they are made of.

What can be imported counts by its name. Anything else counts by what it does: its code, the values it closes over, and
the global variables it mentions. Where a function is written, and its line numbers, do not count.
"""

from __future__ import annotations

import functools
import sys
import types
from typing import Any

from cenote.tokenize.registry import items, normalize_token

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement, not by a C extension's static table

_CLASS_BOOKKEEPING = frozenset(
    "__annotate__ __annotate_func__ __annotations__ __annotations_cache__ __abstractmethods__ __dataclass_fields__ "
    "__dataclass_params__ __dict__ __doc__ __firstlineno__ __module__ __qualname__ __slotnames__ "
    "__static_attributes__ __weakref__ _abc_impl".split()
)


def importable(o: Any, module: str | None, qualname: str) -> bool:
    """Return whether importing `module` and following `qualname` gives `o` in any process."""
    if module is None or module == "__main__" or "<" in qualname:
        return False
    found: Any = sys.modules.get(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found is o


@normalize_token.register(types.FunctionType)
def normalize_function(func: types.FunctionType) -> Any:
    """Name, and what it does unless the name suffices."""
    module, qualname = func.__module__, func.__qualname__
    if importable(func, module, qualname):
        return "function", module, qualname
    mentioned = {name: func.__globals__[name] for name in _global_names(func.__code__) if name in func.__globals__}
    return (
        "function",
        module,
        qualname,
        normalize_token(func.__code__),
        normalize_token(func.__defaults__),
        normalize_token(func.__kwdefaults__),
        items(func.__closure__ or ()),
        normalize_token(mentioned),
        normalize_token(func.__dict__),
    )


@functools.lru_cache(maxsize=1024)
def _global_names(code: types.CodeType) -> tuple[str, ...]:
    """Return the global variables that `code`, or a function defined in it, mentions."""
    import dis

    names = {i.argval for i in dis.get_instructions(code) if i.opname.endswith(("_GLOBAL", "LOAD_NAME"))}
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            names.update(_global_names(const))
    return tuple(sorted(names))


@normalize_token.register(types.CodeType)
def normalize_code(code: types.CodeType) -> Any:
    """What the interpreter executes."""
    return (
        "code",
        code.co_name,
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
        code.co_code,
        items(code.co_consts),
        (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars),
        code.co_exceptiontable,
    )


@normalize_token.register(types.CellType)
def normalize_cell(cell: types.CellType) -> Any:
    """The value in it, if any."""
    try:
        return "cell", normalize_token(cell.cell_contents)
    except ValueError:
        return ("cell",)


@normalize_token.register((types.MethodType, types.MethodWrapperType))
def normalize_bound_method(method: Any) -> Any:
    """Object and name, or the function where the name would not find it."""
    form = (normalize_token(method.__self__), method.__name__)
    func = getattr(method, "__func__", None)
    found = getattr(getattr(method.__self__, method.__name__, None), "__func__", None)
    # a class that was unpickled over itself has new functions with the old code
    if func is found or getattr(func, "__code__", func) == getattr(found, "__code__", found):
        return "method", *form
    return "method", *form, normalize_token(func)


@normalize_token.register(types.BuiltinFunctionType)
def normalize_builtin(func: types.BuiltinFunctionType) -> Any:
    """Name, and the object if it is a method of one."""
    bound = func.__self__
    if bound is None or isinstance(bound, types.ModuleType):
        return "function", func.__module__, func.__qualname__
    return "method", normalize_token(bound), func.__name__


@normalize_token.register(
    (
        types.ClassMethodDescriptorType,
        types.GetSetDescriptorType,
        types.MemberDescriptorType,
        types.MethodDescriptorType,
        types.WrapperDescriptorType,
    )
)
def normalize_descriptor(descriptor: Any) -> Any:
    """Class and name."""
    return type(descriptor).__name__, normalize_token(descriptor.__objclass__), descriptor.__name__


@normalize_token.register((staticmethod, classmethod))
def normalize_decorated(method: Any) -> Any:
    """Kind, and the function inside."""
    return type(method).__name__, normalize_token(method.__func__)


@normalize_token.register(property)
def normalize_property(p: property) -> Any:
    """Its functions."""
    return "property", items((p.fget, p.fset, p.fdel))


@normalize_token.register(functools.cached_property)
def normalize_cached_property(p: Any) -> Any:
    """Its function."""
    return "cached_property", normalize_token(p.func), p.attrname


@normalize_token.register(functools.partial)
def normalize_partial(p: Any) -> Any:
    """Function and the arguments it already has."""
    form = ("partial", normalize_token(p.func), items(p.args), normalize_token(p.keywords))
    return form if type(p) is functools.partial else (*form, normalize_token(type(p)), normalize_token(vars(p)))


@normalize_token.register(types.ModuleType)
def normalize_module(module: types.ModuleType) -> Any:
    """Its name."""
    return "module", module.__name__


@normalize_token.register(type)
def normalize_class(cls: type) -> Any:
    """Name, and what it defines unless the name suffices."""
    module, qualname = cls.__module__, cls.__qualname__
    if not cls.__flags__ & _HEAP_TYPE or importable(cls, module, qualname):
        return "class", module, qualname
    members = {
        name: value
        for name, value in vars(cls).items()
        if name not in _CLASS_BOOKKEEPING
        and not isinstance(value, types.MemberDescriptorType | types.GetSetDescriptorType)
    }
    enum = sys.modules.get("enum")
    if enum is not None and issubclass(cls, enum.Enum):
        # an enum's members refer to their class by name: their values must be said here
        members = {name: value for name, value in members.items() if isinstance(value, types.FunctionType)}
        members["_values"] = [(name, member.value) for name, member in vars(cls)["_member_map_"].items()]
    try:
        annotations = {name: str(annotation) for name, annotation in getattr(cls, "__annotations__", {}).items()}
    except NameError:  # they are evaluated when asked for, and name something that is not defined here
        annotations = {}
    metaclass = () if type(cls) is type else (normalize_token(type(cls)),)
    return (
        "class",
        module,
        qualname,
        items(cls.__bases__),
        normalize_token(members),
        normalize_token(annotations),
        *metaclass,
    )
