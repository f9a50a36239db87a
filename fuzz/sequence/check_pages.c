/* pages-broken: pages asked for one behind the other are the list, cut. An offset says where a page begins; a cursor,
 * that it goes on where the page before it ended. What the whole list shows from there on is what the page has to show:
 * nothing twice, nothing left out, in the same order. Sure only when the whole list is the same before the pages and
 * behind them, and the case only reads in between. Of a message the bytes count, and not their order: gRPC C++ writes a
 * map's entries in another one each time. */
#include "fuzz/sequence/check_internal.h"

#include "fuzz/case/links.h"
#include "fuzz/sequence/link.h"

#include <string.h>

#define PAGES_MAX     4  /* that a probe asks for */
#define PAGE_SMALL    16 /* elements: a page of fewer is not cut by a limit the system has for itself */
#define THINGS_MADE   4  /* beside the maker's, so that there are pages */
#define ELEMENT_SHOWN 64 /* bytes of an element in a message */
#define NO_PLACE      UINT64_MAX

/* ---- what says where a page begins ---- */

static bool is_offset(const struct sequence_leaf *l)
{
    struct sequence_words w;
    enum pb_kind kind = sequence_leaf_field(l)->kind;
    sequence_words_of(sequence_leaf_field(l)->name, &w);
    return !l->repeated && (kind == PB_INT32 || kind == PB_INT64 || kind == PB_UINT32 || kind == PB_UINT64) &&
           w.count > 0 && (strcmp(w.word[w.count - 1], "offset") == 0 || strcmp(w.word[w.count - 1], "skip") == 0);
}

static bool is_cursor(const struct sequence_leaf *l)
{
    enum pb_kind kind = sequence_leaf_field(l)->kind;
    return !l->repeated && l->class == CLASS_CURSOR && (kind == PB_STRING || kind == PB_BYTES);
}

static const struct sequence_leaf *leaf_where(const struct sequence_shape *s, bool (*is)(const struct sequence_leaf *l))
{
    for (size_t i = 0; i < s->count; i++)
        if (is(&s->leaves[i]))
            return &s->leaves[i];
    return NULL;
}

/* How a method gives pages; `limit` NULL: it does not. */
struct paging {
    const struct sequence_leaf *limit, *offset; /* of the request */
    const struct sequence_leaf *cursor, *next;  /* of the request, and of the reply */
    const struct pb_field *elements;
};

static struct paging paging_of(const struct sequence_graph *g, size_t method)
{
    const struct sequence_shape *asks = sequence_input(g, method);
    struct paging p = {.limit = leaf_where(asks, check_is_limit),
                       .offset = leaf_where(asks, is_offset),
                       .cursor = leaf_where(asks, is_cursor),
                       .next = leaf_where(sequence_output(g, method), is_cursor),
                       .elements = check_elements_of(g->methods[method].method->output)};
    if (p.next == NULL)
        p.cursor = NULL;
    if ((p.offset == NULL && p.cursor == NULL) || p.elements == NULL)
        p.limit = NULL;
    return p;
}

static int gives_pages(const struct sequence_graph *g, size_t method)
{
    return paging_of(g, method).limit != NULL ? 1 : -1;
}

/* ---- the probe ---- */

static int ask_page(struct sequence *s, struct fuzz_case *c, size_t whole, const struct paging *p, int before,
                    uint64_t limit, uint64_t at)
{
    int page = build_again(s, c, whole, 0);
    int rc = page < 0 ? page : check_put_number(s, c, (size_t)page, p->limit, limit);
    if (rc >= 0 && at > 0 && p->offset != NULL)
        rc = check_put_number(s, c, (size_t)page, p->offset, at);
    else if (rc >= 0 && at > 0) {
        struct fuzz_path from, to;
        rc = sequence_view_of(&s->view, s->graph, c, NULL);
        sequence_leaf_path(p->next, p->next->depth, &from);
        sequence_leaf_path(p->cursor, p->cursor->depth, &to);
        if (rc == 0)
            rc = fuzz_links_add(c, s->view.calls[page].message, (uint32_t)before, 0, &from, &to);
    }
    return rc < 0 ? rc : page;
}

/* More of what the maker makes; all of it; pages; and all of it again. A reading by name is asked for what begins as
 * the maker's thing does. */
int check_pages_probe(struct sequence *s, struct fuzz_case *c)
{
    int maker = check_maker(s, c);
    if (maker < 0)
        return check_told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method;
    int method = check_draw_reader(s, made_by, gives_pages), naming = view_naming_leaf(s->graph, made_by, made_by);
    struct bytes name = BYTES_NONE;
    uint8_t first = 0;
    if (method < 0)
        return 0;
    if (naming >= 0 && view_value(&s->view, (size_t)maker, &sequence_input(s->graph, made_by)->leaves[naming], &name))
        first = name.data[0];
    struct paging p = paging_of(s->graph, (size_t)method);
    int rc = 0;
    for (uint64_t more = random_below(&s->random, THINGS_MADE + 1); rc >= 0 && more > 0; more--)
        rc = check_another(s, c, (size_t)maker);
    int whole = rc < 0 ? rc : check_ask_all(s, c, (size_t)method);
    rc = whole;
    if (rc >= 0 && first != 0 && s->graph->methods[method].role == ROLE_READ) {
        rc = check_put_prefix(s, c, (size_t)whole, BYTES(&first, 1));
        rc = rc == ERROR_NOT_FOUND ? 0 : rc;
    }
    uint64_t limit = 1 + random_below(&s->random, 3);
    for (uint64_t i = 0; rc >= 0 && i < PAGES_MAX; i++)
        rc = ask_page(s, c, (size_t)whole, &p, rc, limit, i * limit);
    if (rc >= 0)
        rc = build_again(s, c, (size_t)whole, 0);
    return check_told(rc);
}

/* ---- the judge ---- */

static bool same_element(const struct pb_field *f, struct bytes a, struct bytes b)
{
    size_t count[256] = {0};
    if (bytes_equal(a, b) || a.len != b.len || f->kind != PB_MESSAGE)
        return bytes_equal(a, b);
    for (size_t i = 0; i < a.len; i++)
        count[a.data[i]]++;
    for (size_t i = 0; i < b.len; i++)
        if (count[b.data[i]]-- == 0)
            return false;
    return true;
}

static bool same_elements(const struct sequence_view *v, size_t a, size_t b, const struct pb_field *f)
{
    struct check_elements x = {.view = v, .call = a, .field = f}, y = {.view = v, .call = b, .field = f};
    struct bytes p, q;
    bool more, other;
    do {
        more = check_next_element(&x, &p);
        other = check_next_element(&y, &q);
        if (more != other || (more && !same_element(f, p, q)))
            return false;
    } while (more);
    return true;
}

static bool only_reads(const struct sequence_view *v, size_t from, size_t to)
{
    for (size_t i = 0; i < to; i++) {
        bool over = i < from && check_behind(v, i, from);
        if (!over && check_role(v, i) != ROLE_READ && check_role(v, i) != ROLE_LIST)
            return false;
    }
    return true;
}

static bool is_whole_question(const struct sequence_view *v, size_t call, const struct paging *p)
{
    struct bytes value;
    return !view_value(v, call, p->limit, &value) && (p->offset == NULL || !view_value(v, call, p->offset, &value)) &&
           (p->cursor == NULL || !view_value(v, call, p->cursor, &value));
}

/* Both ask for the same list, wherever they begin and end. */
static bool same_list(const struct sequence_view *v, size_t a, size_t b, const struct paging *p)
{
    const struct sequence_shape *s = sequence_input(v->graph, (size_t)v->calls[a].method);
    for (size_t i = 0; i < s->count; i++) {
        const struct sequence_leaf *l = &s->leaves[i];
        struct bytes x, y;
        (void)view_value(v, a, l, &x);
        (void)view_value(v, b, l, &y);
        if (l != p->limit && l != p->offset && l != p->cursor && !bytes_equal(x, y))
            return false;
    }
    return true;
}

struct page {
    size_t call;
    uint64_t at, limit, count; /* elements before it; asked for; there */
    struct bytes next;         /* the cursor it gives */
    bool cut;                  /* by a cursor: a short page says nothing */
};

/* Where the page begins in the list; NO_PLACE: that cannot be told. `before`: the page before it, NULL: none. */
static uint64_t place_of_page(const struct sequence_view *v, size_t call, const struct paging *p,
                              const struct page *before)
{
    struct bytes value;
    bool offset = p->offset != NULL && view_value(v, call, p->offset, &value);
    if (offset)
        return check_said(v, call, p->offset, &value) ? check_number(p->offset, value) : NO_PLACE;
    if (p->cursor == NULL || !view_value(v, call, p->cursor, &value))
        return 0;
    return before != NULL && check_said(v, call, p->cursor, &value) && bytes_equal(value, before->next)
               ? before->at + before->count
               : NO_PLACE;
}

static bool take_page(const struct sequence_view *v, size_t call, const struct paging *p, const struct page *before,
                      struct page *out)
{
    struct bytes limit;
    *out = (struct page){.call = call};
    if (!check_said(v, call, p->limit, &limit))
        return false;
    out->limit = check_number(p->limit, limit);
    out->at = place_of_page(v, call, p, before);
    if (p->next != NULL)
        (void)sequence_leaf_get(p->next, sequence_reply(v->trace, (uint32_t)call, 0), &out->next);
    out->cut = out->next.len > 0;
    return out->limit > 0 && out->limit != UINT64_MAX && out->at != NO_PLACE;
}

static size_t shown(struct bytes element)
{
    return element.len < ELEMENT_SHOWN ? element.len : ELEMENT_SHOWN;
}

static void say_element(struct text *out, const struct pb_field *f, struct bytes element)
{
    if (f->kind == PB_STRING)
        text_printf(out, "\"%.*s\"", (int)shown(element), (const char *)element.data);
    else
        text_printf(out, "an element of %zu bytes", element.len);
}

/* Counts the page's elements. True: one of them is not what the list has there, or one is missing. */
static bool is_broken(const struct sequence_view *v, size_t whole, struct page *page, const struct paging *p,
                      struct sequence_finding *out)
{
    struct check_elements list = {.view = v, .call = whole, .field = p->elements};
    struct check_elements mine = {.view = v, .call = page->call, .field = p->elements};
    struct bytes is, has = BYTES_NONE;
    bool there = true;
    for (uint64_t i = 0; i < page->at && there; i++)
        there = check_next_element(&list, &has);
    for (; check_next_element(&mine, &is); page->count++) {
        there = there && check_next_element(&list, &has);
        if (!there || same_element(p->elements, is, has) || page->count >= page->limit)
            continue;
        check_say(v, out, page->call, "%s gives as number %llu, on a page of %llu from %llu on, ",
                  check_path(v, page->call), (unsigned long long)(page->at + page->count),
                  (unsigned long long)page->limit, (unsigned long long)page->at);
        say_element(&out->why, p->elements, is);
        text_puts(&out->why, ", where the whole list, the same before and after, has ");
        say_element(&out->why, p->elements, has);
        return true;
    }
    /* Without a cursor the list ends here; of an offset's page only who gives fewer than asked for says so. */
    bool ends = p->offset == NULL ? !page->cut : page->count < page->limit && page->limit < PAGE_SMALL && !page->cut;
    if (!there || !ends || !check_next_element(&list, &has))
        return false;
    check_say(v, out, page->call, "%s gives %llu of %s for a page of %llu from %llu on; the whole list goes on with ",
              check_path(v, page->call), (unsigned long long)page->count, p->elements->name,
              (unsigned long long)page->limit, (unsigned long long)page->at);
    say_element(&out->why, p->elements, has);
    return true;
}

static bool judge_between(const struct sequence_view *v, size_t first, size_t last, const struct paging *p,
                          struct sequence_finding *out)
{
    struct page before = {.call = 0}, page;
    bool any = false;
    for (size_t call = first + 1; call < last; call++) {
        if (v->calls[call].method != v->calls[first].method || !check_answers(v, call) ||
            !check_behind(v, first, call) || !check_behind(v, call, last) || !same_list(v, first, call, p) ||
            !take_page(v, call, p, any ? &before : NULL, &page))
            continue;
        if (is_broken(v, first, &page, p, out))
            return true;
        before = page;
        any = true;
    }
    return false;
}

bool check_pages_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (size_t first = 0; first < v->count; first++) {
        if (v->calls[first].method < 0 || !check_answers(v, first))
            continue;
        struct paging p = paging_of(v->graph, (size_t)v->calls[first].method);
        if (p.limit == NULL || !is_whole_question(v, first, &p))
            continue;
        for (size_t last = first + 1; last < v->count; last++)
            if (check_same(v, first, last) && check_answers(v, last) && only_reads(v, first, last) &&
                same_elements(v, first, last, p.elements) && judge_between(v, first, last, &p, out))
                return true;
    }
    return false;
}
