"""What lets clients of AWS be made and moto's DynamoDB answer much sooner, and the same."""

from collections import defaultdict
from copy import copy, deepcopy
from functools import cache
from typing import Any, Final

from botocore.client import ClientCreator
from botocore.hooks import EventAliaser
from botocore.model import ServiceModel
from botocore.useragent import UserAgentString
from moto import backend_index
from moto.core import responses
from moto.core.model import StructureShape
from moto.core.serialize import SERVICE_SPECIFIC_SERIALIZERS, JSONSerializer
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing import ast_nodes
from moto.dynamodb.parsing.tokens import ExpressionTokenizer

_OFTEN: Final = {"dynamodb", "s3", "cognitoidp"}
_AS_THEY_ARE: Final = {"S", "N", "BOOL", "NULL"}

_creator: Final[Any] = ClientCreator
_responses: Final[Any] = responses

_load_model: Final = _creator._load_service_model
_make_class: Final = _creator._create_client_class
_models: Final[dict[str, ServiceModel]] = {}
_classes: Final[dict[str, type[Any]]] = {}

_hooks: Final[Any] = EventAliaser
_user_agent: Final[Any] = UserAgentString
_aliases: Final[Any] = _hooks(None)
_nodes: Final[Any] = ast_nodes

_cast_value: Final = vars(DynamoType)["cast_value"].fget
_tokens: Final = cache(ExpressionTokenizer.make_list)
_method_names: Final = cache(_responses.method_names_from_class)
_update_item: Final = DynamoDBBackend.update_item
_aliases_of: Final = _aliases._alias_event_name
_is_one_of: Final[Any] = cache(issubclass)


def make_aws_fast() -> None:
    _creator._load_service_model = _model_of_service
    _creator._create_client_class = _class_of_service
    # What each client finds out again: by which names its events are known; and for each request, who it says it is.
    _hooks._alias_event_name = lambda _, name: _aliases_of(name)
    _user_agent.to_string = lambda _: "unit-tests"
    # Which service a request is for: moto tries the addresses of 180, one after the other.
    backend_index.backend_url_patterns.sort(key=lambda each: each[0] not in _OFTEN)
    # What it finds out again for each request: the operations that it knows, and what an expression says.
    _responses.method_names_from_class = _method_names
    ExpressionTokenizer.make_list = staticmethod(_tokens)  # type: ignore[method-assign]
    SERVICE_SPECIFIC_SERIALIZERS["dynamodb"] = {"json": ItemsSerializer}
    DynamoType.cast_value = property(_cast)  # type: ignore[assignment, method-assign]
    Table.__deepcopy__ = _copied  # type: ignore[attr-defined]
    DynamoDBBackend.update_item = _update_a_copy  # type: ignore[assignment, method-assign]
    _nodes.DepthFirstTraverser.traverse = _traverse


def _model_of_service(creator: ClientCreator, service: str, version: Any = None) -> ServiceModel:
    """Return what a client knows about its service: it finds out much of that as it is used."""
    if service not in _models:
        _models[service] = _load_model(creator, service, version)
    return _models[service]


def _class_of_service(creator: ClientCreator, service: str, model: ServiceModel) -> type[Any]:
    """Return the class of a service's clients, which has a method for each operation."""
    if service not in _classes:
        _classes[service] = _make_class(creator, service, model)
    return _classes[service]


class ItemsSerializer(JSONSerializer):
    """Writes the values of items as they are.

    For each value, moto's own looks for all ten types that it may have, each under several names.
    """

    def _serialize_type_structure(self, serialized: Any, value: Any, shape: StructureShape, key: str) -> None:
        if shape.name == "AttributeValue" and not _AS_THEY_ARE.isdisjoint(value):
            serialized[key] = value
        else:
            super()._serialize_type_structure(serialized, value, shape, key)


def _cast(value: DynamoType) -> Any:
    """Return what a value is sorted by and compared with: nearly always a string, which moto's own tries last."""
    return value.value if value.type == "S" else _cast_value(value)


def _copied(table: Table, _memo: Any) -> Table:
    """Return a table with the same items, to go back to when a transaction fails.

    For each item of a transaction, moto's own copies every item of the table. None is changed where it is: what writes
    puts another in its place, updates included.
    """
    copied = copy(table)
    copied.items = defaultdict(dict, {key: copy(items) for key, items in table.items.items()})
    return copied


def _update_a_copy(backend: DynamoDBBackend, table_name: str, key: Any, *args: Any, **kwargs: Any) -> Any:
    table = backend.get_table(table_name)
    partition, place = backend.get_keys_value(table, key)
    if item := table.get_item(partition, place):
        table.items[partition][place] = deepcopy(item)
    return _update_item(backend, table_name, key, *args, **kwargs)


def _traverse(traverser: Any, root: Any) -> Any:
    """Process the nodes of an expression from the leaves up: moto's own asks for each anew which kinds these are."""
    kinds = traverser.nodes_to_be_processed()

    def traverse(node: Any, place: int) -> Any:
        if not _is_one_of(type(node), _nodes.Node):
            return node
        parent = node.parent
        for number, child in enumerate(node.children or ()):
            traverser.pre_processing_of_child(node, number)
            traverse(child, number)
        if _is_one_of(type(node), kinds):
            node = traverser.process(node)
            node.parent = parent
            if parent:
                parent.children[place] = node
        return node

    return traverse(root, -1)
