#include "fuzz/frames/block.h"

#include "fuzz/frames/huffman.h"

/* First bytes of the representations, and the bits of them the integer has (RFC 7541, section 6). */
enum { INDEXED = 0x80, INCREMENTAL = 0x40, RESIZE = 0x20, NEVER = 0x10, WITHOUT = 0x00, HUFFMAN = 0x80 };
enum { INDEXED_BITS = 7, INCREMENTAL_BITS = 6, RESIZE_BITS = 5, WITHOUT_BITS = 4, STRING_BITS = 7 };

/* ---- integers and strings --------------------------------------------------------------------------------------- */

static void put_integer(struct text *out, uint8_t first, unsigned bits, uint64_t value)
{
    uint64_t full = (UINT64_C(1) << bits) - 1;
    if (value < full) {
        text_char(out, (char)(uint8_t)(first | value));
        return;
    }
    text_char(out, (char)(uint8_t)(first | full));
    for (value -= full; value >= 0x80; value >>= 7)
        text_char(out, (char)(uint8_t)(0x80 | (value & 0x7f)));
    text_char(out, (char)(uint8_t)value);
}

static void put_string(struct text *out, struct bytes string, bool huffman)
{
    if (huffman) {
        put_integer(out, HUFFMAN, STRING_BITS, huffman_size(string));
        huffman_encode(string, out);
        return;
    }
    put_integer(out, 0, STRING_BITS, string.len);
    if (string.len > 0)
        text_add(out, string.data, string.len);
}

/* ---- the tables ------------------------------------------------------------------------------------------------- */

static struct block_entry *entry_of(struct block_encoder *e, uint32_t number)
{
    return &e->ring[number % BLOCK_ENTRIES_MAX];
}

static uint32_t room_of(const struct block_entry *entry)
{
    return (uint32_t)entry->name_len + entry->value_len + BLOCK_OVERHEAD;
}

static void evict_to(struct block_encoder *e, uint32_t size)
{
    while (e->size > size)
        e->size -= room_of(entry_of(e, e->evicted++));
    if (e->evicted == e->added)
        e->text_end = 0;
}

/* An entry too large for the table empties it (RFC 7541, section 4.4). */
static void table_add(struct block_encoder *e, struct bytes name, struct bytes value)
{
    size_t room = name.len + value.len + BLOCK_OVERHEAD;
    if (room > e->limit) {
        evict_to(e, 0);
        return;
    }
    evict_to(e, e->limit - (uint32_t)room);
    size_t len = name.len + value.len;
    if (e->text_end + len > sizeof e->text) {
        uint32_t from = entry_of(e, e->evicted)->at;
        memmove(e->text, e->text + from, e->text_end - from);
        for (uint32_t n = e->evicted; n != e->added; n++)
            entry_of(e, n)->at = (uint16_t)(entry_of(e, n)->at - from);
        e->text_end -= from;
    }
    *entry_of(e, e->added) = (struct block_entry){(uint16_t)e->text_end, (uint16_t)name.len, (uint16_t)value.len};
    e->added++;
    if (name.len > 0)
        memcpy(e->text + e->text_end, name.data, name.len);
    if (value.len > 0)
        memcpy(e->text + e->text_end + name.len, value.data, value.len);
    e->text_end += (uint32_t)len;
    e->size += (uint32_t)room;
}

/* Index of the field; of its name alone when *whole is false; 0: neither is known. */
static uint64_t find(struct block_encoder *e, struct bytes name, struct bytes value, bool *whole)
{
    uint64_t found = hpack_fixed_find(name, value, whole);
    if (*whole)
        return found;
    for (uint32_t n = e->added; n != e->evicted; n--) {
        const struct block_entry *entry = entry_of(e, n - 1);
        const char *text = e->text + entry->at;
        if (!bytes_equal(name, BYTES(text, entry->name_len)))
            continue;
        uint64_t index = HPACK_FIXED_COUNT + (uint64_t)(e->added - n) + 1;
        *whole = bytes_equal(value, BYTES(text + entry->name_len, entry->value_len));
        if (*whole)
            return index;
        if (found == 0)
            found = index;
    }
    return found;
}

/* ---- the encoder ------------------------------------------------------------------------------------------------ */

void block_init(struct block_encoder *e)
{
    e->added = e->evicted = e->size = e->text_end = 0;
    e->limit = BLOCK_TABLE_MAX;
    e->mode = BLOCK_AUTO;
    e->huffman = false;
}

size_t block_entries(const struct block_encoder *e)
{
    return e->added - e->evicted;
}

void block_index(uint64_t index, struct text *out)
{
    put_integer(out, INDEXED, INDEXED_BITS, index);
}

/* A peer that keeps to the limit we know refuses more, and the connection ends: then our table matters no more. */
void block_resize(struct block_encoder *e, uint32_t limit, struct text *out)
{
    put_integer(out, RESIZE, RESIZE_BITS, limit);
    e->limit = limit < BLOCK_TABLE_MAX ? limit : BLOCK_TABLE_MAX;
    evict_to(e, e->limit);
}

void block_field(struct block_encoder *e, struct bytes name, struct bytes value, struct text *out)
{
    bool whole;
    uint64_t index = find(e, name, value, &whole);
    enum block_mode mode = e->mode;
    if (mode == BLOCK_AUTO && whole) {
        block_index(index, out);
        return;
    }
    if (mode == BLOCK_AUTO)
        mode = name.len + value.len + BLOCK_OVERHEAD > e->limit / 4 * 3 ? BLOCK_WITHOUT : BLOCK_INCREMENTAL;
    if (mode == BLOCK_INCREMENTAL)
        put_integer(out, INCREMENTAL, INCREMENTAL_BITS, index);
    else
        put_integer(out, mode == BLOCK_NEVER ? NEVER : WITHOUT, WITHOUT_BITS, index);
    if (index == 0)
        put_string(out, name, e->huffman);
    put_string(out, value, e->huffman);
    if (mode == BLOCK_INCREMENTAL)
        table_add(e, name, value);
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

static struct bytes take_line(struct bytes *lines)
{
    const uint8_t *end = memchr(lines->data, '\n', lines->len);
    struct bytes line = BYTES(lines->data, end ? (size_t)(end - lines->data) : lines->len);
    size_t used = line.len + (end ? 1 : 0);
    *lines = BYTES(lines->data + used, lines->len - used);
    return line;
}

static struct bytes take_word(struct bytes *line)
{
    size_t n = 0;
    while (n < line->len && line->data[n] != ' ')
        n++;
    struct bytes word = BYTES(line->data, n);
    if (n < line->len)
        n++;
    *line = BYTES(line->data + n, line->len - n);
    return word;
}

static uint64_t number_of(struct bytes word)
{
    uint64_t n = 0;
    for (size_t i = 0; i < word.len && word.data[i] >= '0' && word.data[i] <= '9' && n < UINT64_MAX / 16; i++)
        n = n * 10 + (uint64_t)(word.data[i] - '0');
    return n;
}

static void put_hex(struct bytes digits, struct text *out)
{
    for (size_t i = 0; i + 1 < digits.len; i += 2) {
        int high = bytes_hex_value(digits.data[i]), low = bytes_hex_value(digits.data[i + 1]);
        if (high < 0 || low < 0)
            return;
        text_char(out, (char)(uint8_t)(high << 4 | low));
    }
}

/* "name: value"; the colon of a pseudo header's name is part of it. A line without another is all name. */
static void write_field(struct block_encoder *e, struct bytes line, struct text *out)
{
    size_t colon = 1;
    while (colon < line.len && line.data[colon] != ':')
        colon++;
    struct bytes name = line, value = BYTES_NONE;
    if (colon < line.len) {
        name.len = colon++;
        if (colon < line.len && line.data[colon] == ' ')
            colon++;
        value = BYTES(line.data + colon, line.len - colon);
    }
    if (out->len + line.len < BLOCK_SIZE_MAX)
        block_field(e, name, value, out);
}

static void set_mode(struct block_encoder *e, struct bytes word)
{
    static const char *const names[BLOCK_MODE_COUNT] = {"auto", "incremental", "without", "never"};
    for (int i = 0; i < BLOCK_MODE_COUNT; i++)
        if (bytes_is(word, names[i]))
            e->mode = (enum block_mode)i;
}

static void direct(struct block_encoder *e, struct bytes line, struct text *out)
{
    struct bytes word = take_word(&line);
    if (bytes_is(word, "!mode")) {
        set_mode(e, line);
    } else if (bytes_is(word, "!huffman")) {
        e->huffman = bytes_is(line, "on");
    } else if (bytes_is(word, "!index")) {
        block_index(number_of(line), out);
    } else if (bytes_is(word, "!resize")) {
        uint64_t n = number_of(line);
        block_resize(e, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n, out);
    } else if (bytes_is(word, "!repeat")) {
        uint64_t n = number_of(take_word(&line));
        for (uint64_t i = 0; i < n && i < BLOCK_REPEAT_MAX && out->len < BLOCK_SIZE_MAX; i++)
            write_field(e, line, out);
    } else if (bytes_is(word, "!hex")) {
        put_hex(line, out);
    } else if (bytes_is(word, "!bad")) {
        const struct block_defect *d = block_defect_find(line);
        if (d)
            d->write(e, out);
    }
}

void block_write(struct block_encoder *e, struct bytes lines, struct text *out)
{
    e->mode = BLOCK_AUTO;
    e->huffman = false;
    while (lines.len > 0) {
        struct bytes line = take_line(&lines);
        if (line.len > 0 && line.data[0] == '!')
            direct(e, line, out);
        else if (line.len > 0)
            write_field(e, line, out);
    }
}

/* ---- what must not be ------------------------------------------------------------------------------------------- */

static void put(struct text *out, const char *bytes, size_t len)
{
    text_add(out, bytes, len);
}

static void index_zero(struct block_encoder *e, struct text *out)
{
    (void)e;
    block_index(0, out);
}

static void index_far(struct block_encoder *e, struct text *out)
{
    block_index(HPACK_FIXED_COUNT + block_entries(e) + 1, out);
}

static void name_index_far(struct block_encoder *e, struct text *out)
{
    put_integer(out, WITHOUT, WITHOUT_BITS, HPACK_FIXED_COUNT + block_entries(e) + 1);
    put_string(out, bytes_of("value"), false);
}

static void integer_huge(struct block_encoder *e, struct text *out)
{
    (void)e;
    put(out, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10);
}

static void integer_endless(struct block_encoder *e, struct text *out)
{
    (void)e;
    text_char(out, (char)0xff);
    for (int i = 0; i < 200; i++)
        text_char(out, (char)0x80);
}

static void integer_cut(struct block_encoder *e, struct text *out)
{
    (void)e;
    put(out, "\xff\x80", 2);
}

/* A value of 127 bytes whose length is written with two bytes more than it takes: some decoders mind. */
static void integer_overlong(struct block_encoder *e, struct text *out)
{
    (void)e;
    text_char(out, WITHOUT);
    put_string(out, bytes_of("x-overlong"), false);
    put(out, "\x7f\x80\x80\x00", 4);
    for (int i = 0; i < 127; i++)
        text_char(out, 'x');
}

static void resize_over(struct block_encoder *e, struct text *out)
{
    (void)e;
    put_integer(out, RESIZE, RESIZE_BITS, (uint64_t)1 << 20);
}

static void resize_late(struct block_encoder *e, struct text *out)
{
    block_field(e, bytes_of("x-before"), bytes_of("resize"), out);
    block_resize(e, 0, out);
}

static void string_cut(struct block_encoder *e, struct text *out)
{
    (void)e;
    text_char(out, WITHOUT);
    put_string(out, bytes_of("x-cut"), false);
    put_integer(out, 0, STRING_BITS, 100);
    text_puts(out, "abc");
}

static void huffman_literal(struct text *out, const char *code, size_t len)
{
    text_char(out, WITHOUT);
    put_string(out, bytes_of("x-code"), false);
    put_integer(out, HUFFMAN, STRING_BITS, len);
    put(out, code, len);
}

static void huffman_eos(struct block_encoder *e, struct text *out)
{
    (void)e;
    huffman_literal(out, "\xff\xff\xff\xff", 4);
}

/* '0' is 00000: the rest must be ones. */
static void huffman_padding_zero(struct block_encoder *e, struct text *out)
{
    (void)e;
    huffman_literal(out, "\x00\x00\x00", 3); /* four times '0' and four bits that are not ones */
}

static void huffman_padding_long(struct block_encoder *e, struct text *out)
{
    (void)e;
    huffman_literal(out, "\x07\xff", 2); /* '0' and eleven ones */
}

const struct block_defect block_defects[] = {
    {"index-zero", "indexed field 0", true, index_zero},
    {"index-far", "index one past the dynamic table", true, index_far},
    {"name-index-far", "literal whose name's index is one past the dynamic table", true, name_index_far},
    {"integer-huge", "index of 63 bits", true, integer_huge},
    {"integer-endless", "integer of 200 bytes that adds nothing", true, integer_endless},
    {"integer-cut", "block ends inside an integer", true, integer_cut},
    {"integer-overlong", "string length with needless bytes", false, integer_overlong},
    {"resize-over", "table size update over the limit", true, resize_over},
    {"resize-late", "table size update behind a field", false, resize_late},
    {"string-cut", "block ends inside a string", true, string_cut},
    {"huffman-eos", "EOS inside a Huffman string", true, huffman_eos},
    {"huffman-padding-zero", "Huffman string filled up with zeros", true, huffman_padding_zero},
    {"huffman-padding-long", "Huffman string filled up with more than 7 bits", true, huffman_padding_long},
};
const size_t block_defect_count = sizeof block_defects / sizeof block_defects[0];

const struct block_defect *block_defect_find(struct bytes name)
{
    for (size_t i = 0; i < block_defect_count; i++)
        if (bytes_is(name, block_defects[i].name))
            return &block_defects[i];
    return NULL;
}
