"""A client nobody here wrote (clients.py: grpcio, grpcurl, grpc-js) calls every method of every double that is built in,
and every service that keeps things goes through create, read, list and delete: every_method.py CLIENT HARROW SET..."""
import json
import sys

from kit import Doubles
from clients import CLIENTS

NEVER = {"UNIMPLEMENTED", "INTERNAL", "UNKNOWN", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "DATA_LOSS"}
ROUND_TRIPS_AT_LEAST = 30  # entities


def fill(contracts, descriptor, depth=0):
    """A message with something in every field that takes something."""
    message = contracts.type(descriptor)()
    for field in descriptor.fields:
        if field.label == field.LABEL_REPEATED or field.containing_oneof is not None:
            continue
        if field.type == field.TYPE_STRING:
            setattr(message, field.name, f"{field.name} text")
        elif field.type == field.TYPE_BYTES:
            setattr(message, field.name, b"bytes")
        elif field.type == field.TYPE_MESSAGE:
            if depth < 2 and not field.message_type.full_name.startswith("google.protobuf."):
                getattr(message, field.name).CopyFrom(fill(contracts, field.message_type, depth + 1))
        elif field.type not in (field.TYPE_BOOL, field.TYPE_ENUM):
            setattr(message, field.name, 1)
    return message


def call_everything(contracts, doubles, services):
    statuses, calls = {}, 0
    for service in services:
        for method in contracts.services[service].methods:
            full = f"{service}/{method.name}"
            many_out = contracts.streams[full][1]
            request = fill(contracts, method.input_type)
            # A stream may stay open, as a subscription does: then it is the client's time that ends it.
            replies, status, why = contracts.call(doubles, full, [request], timeout=contracts.patience if many_out else 60)
            calls += 1
            statuses[status] = statuses.get(status, 0) + 1
            assert status not in NEVER, f"{full}: {status}: {why}"
            assert many_out or status != "DEADLINE_EXCEEDED", f"{full} did not answer"
            if status == "OK" and not many_out:
                assert len(replies) == 1, f"{full}: {len(replies)} replies"
    return statuses, calls


def takes(method, key):
    """The request's field that is the entity's key."""
    for one in method["takes"]:
        field, _, what = one.partition("=")
        if what == key or (not what and field == key):
            return field
    return None


def parts(field, value):
    """The messages in a field: one, many, or the values of a map."""
    if field.type != field.TYPE_MESSAGE:
        return []
    if field.message_type.GetOptions().map_entry:
        return [one for one in value.values() if hasattr(one, "DESCRIPTOR")]
    return value if field.label == field.LABEL_REPEATED else [value]


def holds(message, key, value):
    """Whether anything in it has that value in a field of that name."""
    for field, inner in message.ListFields():
        if any(holds(one, key, value) for one in parts(field, inner)):
            return True
        if field.name == key and value in (inner if field.label == field.LABEL_REPEATED else [inner]):
            return True
    return False


def find_entity(message, type_name):
    if message.DESCRIPTOR.full_name == type_name:
        return message
    for field, inner in message.ListFields():
        for one in parts(field, inner):
            found = find_entity(one, type_name)
            if found is not None:
                return found
    return None


def at(message, path):
    """The value of "options.table"; None when there is none."""
    for name in path.split("."):
        if message is None or name not in message.DESCRIPTOR.fields_by_name:
            return None
        message = getattr(message, name)
    return message if isinstance(message, str) and message else None


def put(message, path, value):
    *outer, last = path.split(".")
    for name in outer:
        message = getattr(message, name)
    setattr(message, last, value)


def the_keys(entity, create, request, reply):
    """What says which entity was made, by key; None when a part of it cannot be told."""
    made = find_entity(reply, entity["type"]) if entity.get("type") else None
    keys = {}
    for key in entity["key"]:
        asked = takes(create, key)
        keys[key] = at(made, key) or at(reply, key) or (asked and at(request, asked))
        if not keys[key]:
            return None
    return keys


def round_trip(contracts, doubles, service, entity, explained):
    """The steps that an entity went through, such as "create, read, list, delete, gone"; None: it could not begin."""
    name = entity["name"]
    session = (("double-session", f"{service} {name}"),)

    def named(role):
        for one in explained["methods"]:
            streams = any(contracts.streams[f"{service}/{one['method']}"])
            if one["role"] == role and one.get("entity") == name and not streams:
                if role in ("create", "list") or all(takes(one, key) for key in entity["key"]):
                    return one
        return None

    def call(method, fields=None):
        full = f"{service}/{method['method']}"
        descriptor = contracts.method(full).input_type
        request = fill(contracts, descriptor) if fields is None else contracts.type(descriptor)()
        for path, value in (fields or {}).items():
            put(request, path, value)
        replies, status, why = contracts.call(doubles, full, [request], metadata=session)
        return request, replies[0] if replies else None, status, f"{full}: {status}: {why}"

    create, read, listing, delete = named("create"), named("read"), named("list"), named("delete")
    if not create or not entity["key"] or not (read or listing):
        return None
    request, reply, status, _ = call(create)
    keys = the_keys(entity, create, request, reply) if status == "OK" else None
    if not keys:
        return None  # it needs what another entity's creation gives, or does not say which one it made
    steps = ["create"]
    key = entity["key"][0]

    created = reply

    def which(method):
        """The keys, and what else the method takes that the creation told."""
        fields = {}
        for one in method["takes"]:
            field, _, what = one.partition("=")
            value = keys.get(what or field) or (not what and at(created, field))
            if value:
                fields[field] = value
        return fields

    if read:
        _, reply, status, what = call(read, which(read))
        assert status == "OK", f"{what} (what was created)"
        steps.append("read")
    shown = entity.get("type") and key in contracts.pool.FindMessageTypeByName(entity["type"]).fields_by_name
    if listing and shown:
        _, reply, status, what = call(listing, {})
        assert status in ("OK", "INVALID_ARGUMENT"), what
        if status == "OK":
            assert holds(reply, key, keys[key]), f"{what}: it has not {keys[key]}: {reply}"
            steps.append("list")
    if delete:
        _, reply, status, what = call(delete, which(delete))
        assert status == "OK", what
        steps.append("delete")
        if read:
            _, reply, status, what = call(read, which(read))
            assert status == "NOT_FOUND", f"{what} (what was deleted)"
            steps.append("gone")
    return ", ".join(steps) if len(steps) > 1 else None


def main():
    client, program, sets = sys.argv[1], sys.argv[2], sys.argv[3:]
    contracts = CLIENTS[client](*sets)
    with Doubles(program, "serve", "--all", "--seed", "1") as doubles:
        services = doubles.said["services"]
        described = contracts.look(doubles)
        statuses, calls = call_everything(contracts, doubles, services)
        round_trips = {}
        explain = contracts.type(contracts.method("doubles.Doubles/Explain").input_type)
        for service in services:
            replies, status, why = contracts.call(
                doubles, "doubles.Doubles/Explain", [explain(service=service)]
            )
            assert status == "OK", f"Explain {service}: {status}: {why}"
            explained = json.loads(replies[0].json)
            for entity in explained["entities"]:
                steps = round_trip(contracts, doubles, service, entity, explained)
                if steps:
                    round_trips[steps] = round_trips.get(steps, 0) + 1
        verify = contracts.type(contracts.method("doubles.Doubles/Verify").input_type)
        replies, status, why = contracts.call(
            doubles, "doubles.Doubles/Verify", [verify(method="notes.Notes/Create", exactly=2)]
        )
        assert status == "OK" and replies[0].met, f"{status} {why} {replies}"
        doubles.stop()
        assert doubles.summary["calls"] >= calls, doubles.summary
    print(f"{client}: {described} services described, {calls} methods of {len(services)} services: {statuses}; round trips: {round_trips}")
    assert sum(round_trips.values()) >= ROUND_TRIPS_AT_LEAST, "too few round trips"


main()
