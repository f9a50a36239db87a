/* The search asks nobody but the store: what it writes there and in which order, and what it reads to find it again. */
#include "tests/contract/backend_kit.h"

#include "proto/search/search.pb-c.h"
#include "proto/store/store.pb-c.h"

#include <stdio.h>
#include <string.h>

static char index_name[] = "people", other_name[] = "places", nothing[] = "";

static int setup(void **state)
{
    return kit_setup(state, &backend_search, "search.Search");
}

/* A record with two members. */
static const Search__IndexResponse *put_as(struct kit *k, enum kit_caller who, const char *id, const char *text,
                                           double number)
{
    static char text_name[] = "text", number_name[] = "number";
    Search__IndexRequest r = SEARCH__INDEX_REQUEST__INIT;
    Google__Protobuf__Struct data = GOOGLE__PROTOBUF__STRUCT__INIT;
    Google__Protobuf__Struct__FieldsEntry entries[2], *both[2] = {&entries[0], &entries[1]};
    Google__Protobuf__Value values[2];
    for (size_t i = 0; i < 2; i++) {
        google__protobuf__struct__fields_entry__init(&entries[i]);
        google__protobuf__value__init(&values[i]);
    }
    entries[0].key = text_name;
    entries[0].value = &values[0];
    values[0].kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE;
    values[0].string_value = arena_string(&k->arena, text);
    entries[1].key = number_name;
    entries[1].value = &values[1];
    values[1].kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE;
    values[1].number_value = number;
    data.fields = both;
    data.n_fields = 2;
    r.index = index_name;
    r.id = arena_string(&k->arena, id);
    r.data = &data;
    return kit_call(k, who, "Index", &r.base, &search__index_response__descriptor);
}

static void put(struct kit *k, const char *id, const char *text, double number)
{
    const Search__IndexResponse *reply = put_as(k, JANE, id, text, number);
    assert_non_null(reply);
    assert_string_equal(reply->record->id, id);
}

/* The ids that are found, with blanks between; NULL: it failed. */
static const char *find_as(struct kit *k, enum kit_caller who, const char *query)
{
    Search__SearchRequest r = SEARCH__SEARCH_REQUEST__INIT;
    r.index = index_name;
    r.query = arena_string(&k->arena, query);
    const Search__SearchResponse *reply = kit_call(k, who, "Search", &r.base, &search__search_response__descriptor);
    const char *ids = reply ? "" : NULL;
    for (size_t i = 0; reply && i < reply->n_records; i++)
        ids = arena_printf(&k->arena, "%s%s%s", ids, i ? " " : "", reply->records[i]->id);
    return ids;
}

static void finds(struct kit *k, const char *query, const char *ids)
{
    const char *found = find_as(k, JANE, query);
    if (!found || strcmp(found, ids) != 0)
        fail_msg("%s: found \"%s\" (%d), expected \"%s\"", query, found ? found : "", kit_code(k), ids);
}

static int take_away(struct kit *k, const char *id)
{
    Search__DeleteRequest r = SEARCH__DELETE_REQUEST__INIT;
    r.index = index_name;
    r.id = arena_string(&k->arena, id);
    kit_call(k, JANE, "Delete", &r.base, &search__delete_response__descriptor);
    return kit_code(k);
}

static int drop(struct kit *k)
{
    Search__DeleteIndexRequest r = SEARCH__DELETE_INDEX_REQUEST__INIT;
    r.index = index_name;
    kit_call(k, JANE, "DeleteIndex", &r.base, &search__delete_index_response__descriptor);
    return kit_code(k);
}

static int create(struct kit *k, char *name)
{
    Search__CreateIndexRequest r = SEARCH__CREATE_INDEX_REQUEST__INIT;
    r.index = name;
    kit_call(k, JANE, "CreateIndex", &r.base, &search__create_index_response__descriptor);
    return kit_code(k);
}

static void found_by_its_words(void **state)
{
    struct kit *k = *state;
    put(k, "one", "A dog and another Dog", 1);
    assert_int_equal(kit_count(k, STORE, "Write"), 1 + 4 + 1); /* the index, four words, the record */
    assert_int_equal(kit_count(k, STORE, "Read"), 2);
    put(k, "two", "A dog and a cat", 2);
    put(k, "three", "A catalogue", 3);
    int64_t reads = kit_count(k, STORE, "Read");
    finds(k, "dog", "one two");                                       /* one has it twice */
    assert_int_equal(kit_count(k, STORE, "Read") - reads, 1 + 1 + 2); /* the index, the word, two records */
    finds(k, "cat*", "three two");                                    /* the same score: by id */
    finds(k, "cat", "two");
    finds(k, "dog cat", "two");
    finds(k, "cat* not dog", "three");
    finds(k, "number >= 2", "three two");
    finds(k, "dog and number < 2", "one");
    finds(k, "cat or number == 1", "two one"); /* nothing narrows it, a word has a score */
    finds(k, "bird", "");
    kit_expect(k, 0);
}

static void changed_and_taken_away(void **state)
{
    struct kit *k = *state;
    put(k, "one", "A red dog", 1);
    size_t records = kit_records(k);
    int64_t writes = kit_count(k, STORE, "Write");
    put(k, "one", "A blue dog", 2);
    assert_int_equal(kit_count(k, STORE, "Write") - writes, 3 + 1);
    assert_int_equal(kit_count(k, STORE, "Delete"), 3); /* the words of before */
    assert_int_equal(kit_records(k), records);
    finds(k, "red", "");
    finds(k, "blue", "one");
    assert_int_equal(take_away(k, "one"), 0);
    assert_int_equal(take_away(k, "one"), 0);
    assert_int_equal(kit_count(k, STORE, "Delete"), 3 + 1 + 3);
    assert_int_equal(kit_records(k), 1); /* the index */
    finds(k, "dog", "");
    assert_int_equal(drop(k), 0);
    assert_int_equal(drop(k), 0);
    assert_int_equal(kit_records(k), 0);
    assert_null(find_as(k, JANE, "dog"));
    assert_int_equal(kit_code(k), 404);
}

/* More than one page of each. */
static void an_index_goes_with_all_its_records(void **state)
{
    struct kit *k = *state;
    char id[16];
    assert_int_equal(create(k, index_name), 0);
    assert_int_equal(create(k, index_name), 409);
    assert_int_equal(create(k, other_name), 0);
    for (int i = 0; i < 260; i++) {
        snprintf(id, sizeof id, "r%03d", i);
        put(k, id, i % 2 ? "odd one" : "even one", i);
    }
    const char *found = find_as(k, JANE, "number >= 250");
    assert_non_null(found);
    assert_string_equal(found, "r250 r251 r252 r253 r254 r255 r256 r257 r258 r259");
    k->page_max = 20; /* records so large that a page of them is no message */
    found = find_as(k, JANE, "number >= 259 or number == 0");
    assert_non_null(found);
    assert_string_equal(found, "r000 r259");
    k->page_max = 0;
    found = find_as(k, JANE, "one and number < 1");
    assert_non_null(found);
    assert_string_equal(found, "r000");
    assert_int_equal(drop(k), 0);
    assert_int_equal(kit_records(k), 1); /* the other index */
}

static void everybody_has_their_own(void **state)
{
    struct kit *k = *state;
    put(k, "one", "A dog", 1);
    assert_null(find_as(k, JOE, "dog"));
    assert_int_equal(kit_code(k), 404);
    assert_non_null(put_as(k, JOE, "one", "A cat", 1));
    finds(k, "dog", "one");
    finds(k, "cat", "");
    assert_string_equal(find_as(k, JOE, "cat"), "one");
    assert_null(find_as(k, NOBODY, "cat"));
    assert_int_equal(kit_code(k), 401);
}

/* Whichever of its writes fails: what was there is found as before, until the whole call goes through. */
static void a_write_that_fails_changes_nothing(void **state)
{
    struct kit *k = *state;
    int64_t failed = 0;
    put(k, "one", "A red dog", 1);
    for (;; failed++) {
        kit_fails_after(k, failed);
        const Search__IndexResponse *reply = put_as(k, JANE, "one", "A blue dog", 2);
        if (reply)
            break;
        assert_int_equal(kit_code(k), 503);
        finds(k, "red", "one");
        finds(k, "dog", "one");
        finds(k, "blue", ""); /* its word may be there, and leads to a record that has it not */
    }
    assert_int_equal(failed, 4); /* three words and the record */
    kit_fails_after(k, -1);
    finds(k, "red", "");
    finds(k, "blue", "one");
    finds(k, "dog", "one");
}

static void bad_requests_ask_nothing(void **state)
{
    struct kit *k = *state;
    Search__IndexRequest r = SEARCH__INDEX_REQUEST__INIT;
    char bad_name[] = "a/b", no_word[] = "...";
    r.index = index_name;
    kit_call(k, JANE, "Index", &r.base, &search__index_response__descriptor);
    assert_int_equal(kit_code(k), 400); /* no data */
    assert_int_equal(create(k, bad_name), 400);
    assert_int_equal(create(k, nothing), 400);
    assert_int_equal(take_away(k, ""), 400);
    assert_null(find_as(k, JANE, "age >="));
    assert_int_equal(kit_code(k), 400);
    assert_non_null(strstr(k->error.detail, "column 7"));
    assert_null(find_as(k, JANE, no_word));
    assert_int_equal(kit_code(k), 400);
    assert_int_equal(kit_count(k, STORE, "Read"), 0);
    assert_int_equal(kit_count(k, STORE, "Write"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(found_by_its_words),
        TEST(changed_and_taken_away),
        TEST(an_index_goes_with_all_its_records),
        TEST(everybody_has_their_own),
        TEST(a_write_that_fails_changes_nothing),
        TEST(bad_requests_ask_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
