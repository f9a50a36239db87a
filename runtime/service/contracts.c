/* Looking into a serialised FileDescriptorSet without making a pool of it (google/protobuf/descriptor.proto): whether a
 * method streams, and two sets made one.
 *
 *     FileDescriptorSet      1 file
 *     FileDescriptorProto    1 name, 2 package, 6 service
 *     ServiceDescriptorProto 1 name, 2 method
 *     MethodDescriptorProto  1 name, 5 client_streaming, 6 server_streaming */
#include "runtime/service/internal.h"

struct member {
    uint32_t number;
    uint64_t value;     /* of a varint */
    struct bytes bytes; /* of a length-delimited one */
    struct bytes whole; /* tag and all */
};

/* The next member of a message; false at its end, or where it is no message. */
static bool next_member(struct bytes *in, struct member *out)
{
    uint64_t tag, value = 0;
    size_t n = in->len ? pb_varint_read(*in, &tag) : 0;
    if (n == 0)
        return false;
    struct bytes rest = BYTES(in->data + n, in->len - n);
    *out = (struct member){.number = (uint32_t)(tag >> 3)};
    size_t size;
    switch (tag & 7) {
    case 0:
        size = pb_varint_read(rest, &out->value);
        break;
    case 1:
        size = 8;
        break;
    case 2:
        size = pb_varint_read(rest, &value);
        if (size == 0 || value > rest.len - size)
            return false;
        out->bytes = BYTES(rest.data + size, (size_t)value);
        size += (size_t)value;
        break;
    case 5:
        size = 4;
        break;
    default:
        return false;
    }
    if (size == 0 || size > rest.len)
        return false;
    out->whole = BYTES(in->data, n + size);
    *in = BYTES(rest.data + size, rest.len - size);
    return true;
}

static struct bytes text_member(struct bytes message, uint32_t number)
{
    struct member m;
    while (next_member(&message, &m))
        if (m.number == number && m.bytes.data)
            return m.bytes;
    return BYTES_NONE;
}

static bool same(struct bytes a, const char *data, size_t len)
{
    return a.len == len && (len == 0 || memcmp(a.data, data, len) == 0);
}

static struct micro_streams method_streams(struct bytes service, const char *method)
{
    struct micro_streams streams = {false, false};
    struct member m, flag;
    while (next_member(&service, &m)) {
        if (m.number != 2 || !same(text_member(m.bytes, 1), method, strlen(method)))
            continue;
        while (next_member(&m.bytes, &flag))
            if (flag.number == 5)
                streams.client = flag.value != 0;
            else if (flag.number == 6)
                streams.server = flag.value != 0;
        return streams;
    }
    return streams;
}

struct micro_streams micro_contract_streams(struct bytes set, const char *service, const char *method)
{
    const char *dot = strrchr(service, '.');
    const char *name = dot ? dot + 1 : service;
    size_t package_len = dot ? (size_t)(dot - service) : 0;
    struct member file, m;
    while (next_member(&set, &file)) {
        if (file.number != 1 || !same(text_member(file.bytes, 2), service, package_len))
            continue;
        while (next_member(&file.bytes, &m))
            if (m.number == 6 && same(text_member(m.bytes, 1), name, strlen(name)))
                return method_streams(m.bytes, method);
    }
    return (struct micro_streams){false, false};
}

static bool has_package(struct bytes set, struct bytes package)
{
    struct member m;
    while (next_member(&set, &m))
        if (m.number == 1 && bytes_equal(text_member(m.bytes, 2), package))
            return true;
    return false;
}

/* What every service answers besides its own: the packages of Debug, of its errors, of health and reflection. None of
 * these files imports another. */
static bool of_every_service(struct bytes package)
{
    return bytes_is(package, "debug") || bytes_is(package, "errors") ||
           (package.len > 5 && memcmp(package.data, "grpc.", 5) == 0);
}

static bool has_file(struct bytes set, struct bytes name)
{
    struct member m;
    while (next_member(&set, &m))
        if (m.number == 1 && bytes_equal(text_member(m.bytes, 1), name))
            return true;
    return false;
}

/* Whether some file of the set imports it (FileDescriptorProto, 3 dependency). */
static bool is_imported(struct bytes set, struct bytes name)
{
    struct member file, m;
    while (next_member(&set, &file))
        while (file.number == 1 && next_member(&file.bytes, &m))
            if (m.number == 3 && bytes_equal(m.bytes, name))
                return true;
    return false;
}

int micro_contracts_join(struct bytes first, struct bytes second, struct text *out)
{
    struct member m;
    struct bytes left = first;
    while (next_member(&left, &m))
        text_add(out, m.whole.data, m.whole.len);
    if (left.len)
        return ERROR_SYNTAX;
    for (size_t before = SIZE_MAX; before != out->len && text_ok(out);) { /* until nothing more is imported */
        before = out->len;
        for (left = second; next_member(&left, &m);) {
            struct bytes name = text_member(m.bytes, 1), package = text_member(m.bytes, 2);
            bool wanted = m.number == 1 && ((of_every_service(package) && !has_package(first, package)) ||
                                            is_imported(text_bytes(out), name));
            if (wanted && !has_file(text_bytes(out), name))
                text_add(out, m.whole.data, m.whole.len);
        }
    }
    return text_ok(out) ? 0 : ERROR_MEMORY;
}
