/* What kind a body is: by its content type, or by its first bytes. */
#include "fakes/pact/internal.h"

#include <strings.h>

/* The type up to its parameters. */
static struct bytes bare(const char *type)
{
    size_t len = strcspn(type, ";");
    while (len > 0 && (type[len - 1] == ' ' || type[len - 1] == '\t'))
        len--;
    return BYTES(type, len);
}

static bool is(struct bytes b, const char *word)
{
    return b.len == strlen(word) && strncasecmp((const char *)b.data, word, b.len) == 0;
}

static bool begins(struct bytes b, const char *word)
{
    return b.len >= strlen(word) && strncasecmp((const char *)b.data, word, strlen(word)) == 0;
}

static bool ends(struct bytes b, const char *word)
{
    size_t len = strlen(word);
    return b.len >= len && strncasecmp((const char *)b.data + b.len - len, word, len) == 0;
}

bool pact_type_is_json(const char *type)
{
    struct bytes b = bare(type);
    return begins(b, "application/json") || (begins(b, "application/") && ends(b, "+json")) ||
           is(b, "application/graphql");
}

bool pact_type_is_xml(const char *type)
{
    struct bytes b = bare(type);
    return is(b, "application/xml") || is(b, "text/xml") ||
           ((begins(b, "application/") || begins(b, "text/")) && ends(b, "+xml"));
}

bool pact_type_is_form(const char *type)
{
    return is(bare(type), "application/x-www-form-urlencoded");
}

bool pact_type_is_multipart(const char *type)
{
    return begins(bare(type), "multipart/");
}

bool pact_type_is_text(const char *type)
{
    return begins(bare(type), "text/") || pact_type_is_json(type) || pact_type_is_xml(type) || pact_type_is_form(type);
}

bool pact_type_is_binary(const char *type)
{
    return !pact_type_is_text(type) && bare(type).len > 0;
}

bool pact_type_same(const char *expected, const char *actual)
{
    struct bytes e = bare(expected), a = bare(actual);
    if (e.len == a.len && strncasecmp((const char *)e.data, (const char *)a.data, e.len) == 0)
        return true;
    /* application/xml and text/xml are the same thing (RFC 7303). */
    return (is(e, "application/xml") && is(a, "text/xml")) || (is(e, "text/xml") && is(a, "application/xml"));
}

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *type_of_text(struct bytes b)
{
    while (b.len > 0 && blank(b.data[0]))
        b = BYTES(b.data + 1, b.len - 1);
    if (b.len == 0)
        return "text/plain";
    if (begins(b, "<?xml"))
        return "application/xml";
    if (begins(b, "<!doctype html") || begins(b, "<html"))
        return "text/html";
    uint8_t c = b.data[0], d = b.len > 1 ? b.data[1] : 0;
    if (c == '<' && ((d | 0x20) >= 'a' && (d | 0x20) <= 'z'))
        return "application/xml";
    if (c == '[' || c == '{' || c == '"' || (c >= '0' && c <= '9') || begins(b, "true") || begins(b, "false") ||
        begins(b, "null"))
        return "application/json";
    return "text/plain";
}

struct magic {
    size_t offset;
    const char *bytes;
    size_t len;
    const char *type;
};
/* The File Format column of the common registries of signatures; the first that fits counts. */
static const struct magic MAGIC[] = {
    {0, "\x89PNG\r\n\x1a\n", 8, "image/png"},
    {0, "\xff\xd8\xff", 3, "image/jpeg"},
    {0, "GIF87a", 6, "image/gif"},
    {0, "GIF89a", 6, "image/gif"},
    {8, "WEBP", 4, "image/webp"},
    {8, "WAVE", 4, "audio/x-wav"},
    {8, "AVI ", 4, "video/x-msvideo"},
    {0, "BM", 2, "image/bmp"},
    {0, "II*\0", 4, "image/tiff"},
    {0, "MM\0*", 4, "image/tiff"},
    {0, "\0\0\1\0", 4, "image/vnd.microsoft.icon"},
    {0, "%PDF-", 5, "application/pdf"},
    {0, "PK\3\4", 4, "application/zip"},
    {0, "PK\5\6", 4, "application/zip"},
    {0, "\x1f\x8b\x08", 3, "application/gzip"},
    {0, "BZh", 3, "application/x-bzip2"},
    {0,
     "\xfd"
     "7zXZ\0",
     6, "application/x-xz"},
    {0, "\x28\xb5\x2f\xfd", 4, "application/zstd"},
    {0, "7z\xbc\xaf\x27\x1c", 6, "application/x-7z-compressed"},
    {0, "Rar!\x1a\x07", 6, "application/vnd.rar"},
    {257, "ustar", 5, "application/x-tar"},
    {0, "OggS", 4, "audio/ogg"},
    {0, "fLaC", 4, "audio/x-flac"},
    {0, "ID3", 3, "audio/mpeg"},
    {0, "\xff\xfb", 2, "audio/mpeg"},
    {4, "ftyp", 4, "video/mp4"},
    {0, "\x1a\x45\xdf\xa3", 4, "video/x-matroska"},
    {0, "wOFF", 4, "application/font-woff"},
    {0, "wOF2", 4, "application/font-woff"},
    {0,
     "\x7f"
     "ELF",
     4, "application/x-executable"},
    {0, "\0asm", 4, "application/wasm"},
    {0, "SQLite format 3\0", 16, "application/vnd.sqlite3"},
};

const char *pact_type_of_bytes(struct bytes data)
{
    for (size_t i = 0; i < sizeof MAGIC / sizeof *MAGIC; i++)
        if (data.len >= MAGIC[i].offset + MAGIC[i].len &&
            memcmp(data.data + MAGIC[i].offset, MAGIC[i].bytes, MAGIC[i].len) == 0)
            return MAGIC[i].type;
    for (size_t i = 0; i < data.len && i < 512; i++)
        if (data.data[i] < 0x20 && !blank(data.data[i]) && data.data[i] != '\f')
            return "application/octet-stream";
    return type_of_text(data);
}

const char *pact_header_value(const struct pact_part *part, const char *name)
{
    for (size_t i = 0; i < part->headers.count; i++)
        if (strcasecmp(part->headers.items[i].name, name) == 0)
            return part->headers.items[i].value;
    return NULL;
}

const char *pact_part_type(const struct pact_part *part)
{
    static const char *const NAMES[] = {"contentType", "content-type", "Content-Type"};
    const char *type = part->content.type != NULL ? part->content.type : pact_header_value(part, "content-type");
    for (size_t i = 0; type == NULL && i < 3; i++)
        type = json_string_value(json_object_get(part->metadata, NAMES[i]));
    if (type == NULL && part->content.json != NULL)
        type = "application/json";
    if (type == NULL && part->content.bytes.len > 0)
        type = pact_type_of_bytes(part->content.bytes);
    return type;
}
