"""Source code for chosen settings: branches that are not taken and options that are off do not appear.

`Specialiser` rewrites the syntax tree of a class or function of this project. It knows some expressions, such
as `config.norm` or the parameter `cache`, and puts their values in their places; conditions that are then
decided leave one branch. `statements.as_text` then writes the tree.
"""

import ast
import copy
import inspect
import operator
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from lm.interchange.statements import as_text, comments_of

COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


class Specialiser(ast.NodeTransformer):
    """known: expressions by their text, each with its value, another expression, or the name of a constant.

    numbers: the values of these constants of the script. made: the parameters that are known of each class or
    function that is called. inlined: functions whose calls are replaced by what they return. dropped: methods
    that are left out. through: parts that return what they are given. spliced: methods whose statements stand
    in the place of a call.
    """

    def __init__(
        self,
        known: Mapping[str, Any],
        numbers: Mapping[str, float],
        made: Mapping[str, tuple[Callable[..., Any], frozenset[str]]],
        inlined: Mapping[str, Callable[..., Any]],
        dropped: frozenset[str],
        through: frozenset[str] = frozenset(),
        spliced: frozenset[str] = frozenset(),
    ) -> None:
        self.known: dict[str, ast.expr] = {text: _tree(value) for text, value in known.items()}
        self.numbers, self.made, self.inlined, self.dropped = numbers, made, inlined, dropped
        self.through, self.spliced = through, spliced
        self.methods: dict[str, ast.FunctionDef] = {}  # as they are written, by name
        self.fixed = frozenset(text for text in known if text.startswith("self."))

    def of(self, part: Any, begins: Any = None) -> str:
        """The source of a class or function; `begins`: a class whose `__init__` it has instead of its own."""
        source = textwrap.dedent(inspect.getsource(part))
        tree, comments = ast.parse(source).body[0], comments_of(source)
        if begins is not None:
            other = textwrap.dedent(inspect.getsource(begins))
            # The other function's lines have numbers after those of this one.
            below = ast.parse("\n" * source.count("\n") + other).body[0]
            comments |= {
                line + source.count("\n"): text for line, text in comments_of(other).items()
            }
            assert isinstance(tree, ast.ClassDef) and isinstance(below, ast.ClassDef)
            init = next(one for one in below.body if getattr(one, "name", "") == "__init__")
            tree.body = [init if getattr(o, "name", "") == "__init__" else o for o in tree.body]
        own = tree.body if isinstance(tree, ast.ClassDef) else []
        self.methods = {one.name: one for one in own if isinstance(one, ast.FunctionDef)}
        return "\n".join(as_text(self.visit(tree), comments))

    def value(self, node: ast.AST) -> Any:
        """The value of an expression, or `Unknown`."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name) and node.id in self.numbers:
            return self.numbers[node.id]
        return Unknown

    # Expressions

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._known(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        found = self._known(node)
        return self.generic_visit(node) if found is node else found  # type: ignore[return-value]

    def _known(self, node: ast.Name | ast.Attribute) -> ast.expr:
        if isinstance(node.ctx, ast.Load):
            return self.known.get(ast.unparse(node), node)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        if (text := ast.unparse(node)) in self.known:
            return self.known[text]
        self.generic_visit(node)
        left, right = self.value(node.left), self.value(node.comparators[0])
        compare = COMPARISONS.get(type(node.ops[0]))
        if len(node.ops) > 1 or compare is None or Unknown in (left, right):
            return node
        return ast.Constant(compare(left, right))

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        decides = isinstance(node.op, ast.Or)
        left: list[ast.expr] = []
        for one in node.values:
            value = self.value(one)
            if value is Unknown:
                left.append(one)
            if value is not Unknown and bool(value) == decides:
                return one  # none of these expressions does anything else
        if not left:
            return node.values[-1]
        return left[0] if len(left) == 1 else ast.BoolOp(node.op, left)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        value = self.value(node.operand)
        return (
            ast.Constant(not value)
            if isinstance(node.op, ast.Not) and value is not Unknown
            else node
        )

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.Add) and self.value(node.left) == 0:
            return node.right
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        test = self.value(self.visit(node.test))
        if test is Unknown:
            return self.generic_visit(node)  # type: ignore[return-value]
        chosen: ast.expr = self.visit(node.body if test else node.orelse)
        return chosen

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if (text := ast.unparse(node)) in self.known:
            return self.known[text]
        name = ast.unparse(node.func)
        self.generic_visit(node)
        if name in self.through:
            return node.args[0]
        if name in self.inlined:
            return self._inline(self.inlined[name], node)
        if name in self.made:
            called, known = self.made[name]
            left = {p: value for p, value in _bound(called, node).items() if p not in known}
            kinds = inspect.signature(called).parameters
            keywords = [p for p in left if kinds[p].kind is inspect.Parameter.KEYWORD_ONLY]
            places = [value for p, value in left.items() if p not in keywords]
            return ast.Call(node.func, places, [ast.keyword(p, left[p]) for p in keywords])
        while node.args and self.value(node.args[-1]) is None:
            node.args.pop()
        if name in ("self.rotary", "self.project_grouped"):
            node.args = node.args[:1]  # from position 0 on
        node.keywords = [
            k for k in node.keywords if not (k.arg == "scale" and self.value(k.value) is None)
        ]
        return node

    def _inline(self, function: Callable[..., Any], call: ast.Call) -> ast.expr:
        """What a function returns for these arguments."""
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        assert isinstance(tree, ast.FunctionDef)
        before, self.known = self.known, self.known | _bound(function, call)
        found = self._returned(tree.body)
        self.known = before
        assert found is not None, f"{function.__name__} does not always return an expression"
        return found

    def _returned(self, body: list[ast.stmt]) -> ast.expr | None:
        """What some statements return, in one expression; None if they return nothing."""
        for one in body:
            if isinstance(one, ast.Return) and one.value is not None:
                found: ast.expr | None = self.visit(one.value)
                return found
            if isinstance(one, ast.If):
                test = self.value(self.visit(one.test))
                if (found := self._returned(one.body if test else one.orelse)) is not None:
                    return found
            if isinstance(one, ast.Assign):
                self.known[ast.unparse(one.targets[0])] = self.visit(one.value)
        return None

    # Statements

    def visit_If(self, node: ast.If) -> Any:
        test = self.visit(node.test)
        value = self.value(test)
        if value is not Unknown:
            return self._block(node.body if value else node.orelse)
        node.test = test
        node.body, node.orelse = self._block(node.body), self._block(node.orelse)
        return node if node.body else None

    def visit_With(self, node: ast.With) -> Any:
        return self._block(node.body)  # autocast, which a script does not use

    def visit_Assign(self, node: ast.Assign) -> Any:
        called = ast.unparse(node.value.func) if isinstance(node.value, ast.Call) else ""
        if called in self.spliced:
            body = copy.deepcopy(self.methods[called.removeprefix("self.")].body)
            # Its arguments and results have the names of the call's.
            return self._block(body[1:])[:-1]
        node.value = self.visit(node.value)
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=True))
            left = [(t, v) for t, v in pairs if not self._settled(t, v)]
            if not left:
                return None
            if len(left) == 1:
                return ast.copy_location(ast.Assign([left[0][0]], left[0][1]), node)
            target.elts, value.elts = [t for t, _ in left], [v for _, v in left]
            return node
        return None if self._settled(target, value) else node

    def _settled(self, target: ast.expr, value: ast.expr) -> bool:
        """Whether a target needs no statement: from here on, its value stands in its place."""
        text = ast.unparse(target)
        if text == "self.config" or text in self.through or text in self.fixed:
            return True
        if self.value(value) is not Unknown or ast.unparse(value) == "tokens":
            self.known[text] = value
            return True
        self.known.pop(text, None)
        return text == ast.unparse(value)

    def visit_For(self, node: ast.For) -> Any:
        node.iter = self.visit(node.iter)
        node.body = self._block(node.body)
        target, read = (
            node.target,
            {n.id for s in node.body for n in ast.walk(s) if isinstance(n, ast.Name)},
        )
        if isinstance(target, ast.Tuple) and isinstance(node.iter, ast.Call):
            number, each = target.elts
            if isinstance(number, ast.Name) and number.id not in read:  # no longer counted
                node.target, node.iter = each, node.iter.args[0]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is None:  # a declaration, for the type check
            return None
        plain = ast.copy_location(ast.Assign([node.target], node.value), node)
        return self.visit_Assign(plain)

    def visit_Expr(self, node: ast.Expr) -> Any:
        self.generic_visit(node)
        call = node.value
        buffer = isinstance(call, ast.Call) and ast.unparse(call.func) == "self.register_buffer"
        drawn = isinstance(call, ast.Call) and ast.unparse(call.func) == "draw_weights"
        gone = buffer and len(call.args) < 2  # type: ignore[attr-defined]
        return None if drawn or gone else node  # weights are read from a file

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        if node.name in self.dropped:
            return None
        arguments = node.args
        first = len(arguments.args) - len(arguments.defaults)
        kept = [
            (one, arguments.defaults[i - first] if i >= first else None)
            for i, one in enumerate(arguments.args)
            if one.arg not in self.known
        ]
        arguments.args = [one for one, _ in kept]
        arguments.defaults = [default for _, default in kept if default is not None]
        keywords = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        left = [(one, default) for one, default in keywords if one.arg not in self.known]
        arguments.kwonlyargs = [one for one, _ in left]
        arguments.kw_defaults = [default for _, default in left]
        if node.name == "__init__" and ast.get_docstring(node):
            node.body = node.body[1:]  # it tells of options
        before = dict(self.known)
        node.body = _without_unread(self._block(node.body))
        self.known = before | {n: v for n, v in self.known.items() if n.startswith("self.")}
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        node.body = self._block(node.body)
        return node

    def _block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Statements, up to the first that returns."""
        result: list[ast.stmt] = []
        for one in body:
            found = self.visit(one)
            result += found if isinstance(found, list) else [found] if found is not None else []
            if result and isinstance(result[-1], ast.Return):
                break
        return result


class Unknown:
    """Stands for a value that is known only when the script runs."""


def _tree(value: Any) -> ast.expr:
    """A value as an expression; a string in capitals is the name of a constant."""
    if isinstance(value, ast.expr):
        return value
    return (
        ast.Name(value, ast.Load())
        if isinstance(value, str) and value.isupper()
        else ast.Constant(value)
    )


def _bound(function: Callable[..., Any], call: ast.Call) -> dict[str, ast.expr]:
    """The arguments of a call by the names of the parameters; defaults where there is none."""
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    given = dict(zip((one.name for one in parameters), call.args, strict=False))
    given |= {str(keyword.arg): keyword.value for keyword in call.keywords}
    return {
        one.name: given.get(one.name, ast.Constant(one.default))
        for one in parameters
        if one.name in given or one.default is not inspect.Parameter.empty
    }


def _without_unread(body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements without those that give a value to a name that nobody reads."""
    nodes = [node for statement in body for node in ast.walk(statement)]
    read = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    kept = []
    for one, after in zip(body, [*body[1:], None], strict=True):
        target = one.targets[0] if isinstance(one, ast.Assign) else None
        again = after.targets[0] if isinstance(after, ast.Assign) else None
        others = again.elts if isinstance(again, ast.Tuple) else []
        names = [name.id for name in others if isinstance(name, ast.Name)]
        unread = isinstance(target, ast.Name) and (target.id not in read or target.id in names)
        if not unread:
            kept.append(one)
    return kept
