/* A double that nobody programmed: round trips, errors, pages, tokens, streams, limits. */
#include "base/test.h"

#include "fakes/behave/test_behave.h"

#include <pthread.h>

struct fixture {
    struct pb_pool *services, *platform;
    struct test_behave t;
    char id[200], other[200], text[400];
};

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    if (x == NULL || pb_pool_new(proto_services_set(), "services", &x->services, NULL) != 0 ||
        pb_pool_new(proto_set(), "platform", &x->platform, NULL) != 0)
        return -1;
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    pb_pool_free(x->services);
    pb_pool_free(x->platform);
    free(x);
    return 0;
}

static struct test_behave *open_with(struct fixture *x, const char *service, const char *annotation)
{
    struct error err = ERROR_INIT;
    const struct behave_annotation one = {bytes_of(annotation ? annotation : ""), "test.yaml"};
    struct behave_options options = {
        .seed = 7, .bare = annotation == NULL, .annotations = &one, .annotation_count = annotation != NULL};
    const struct pb_pool *pool = pb_find_service(x->services, service) ? x->services : x->platform;
    if (test_open(&x->t, pool, service, &options, &err) != 0) {
        struct text text = TEXT_INIT;
        error_format(&err, &text);
        print_error("%s\n", text_string(&text));
        text_deinit(&text);
        error_clear(&err);
        fail();
    }
    return &x->t;
}

/* As recognised. */
static struct test_behave *open(struct fixture *x, const char *service)
{
    return open_with(x, service, NULL);
}

/* With the annotation beside the contract. */
static struct test_behave *open_own(struct fixture *x, const char *service)
{
    return open_with(x, service, "");
}

static void says(const char *said, const char *part)
{
    if (strstr(said, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, said);
}

static void says_not(const char *said, const char *part)
{
    if (strstr(said, part) != NULL)
        fail_msg("\"%s\" is in \"%s\"", part, said);
}

static void refused(struct test_behave *t, const char *method, const char *request, int status)
{
    const char *said = test_ask(t, method, request);
    if (t->answer.status != status)
        fail_msg("%s %s: %s and not %s: %s", method, request, grpc_status_name(t->answer.status),
                 grpc_status_name(status), said);
}

static const char *request_of(struct fixture *x, const char *format, const char *value)
{
    char *out = x->text;
    size_t used = 0;
    for (; *format && used + 1 < sizeof x->text; format++) {
        if (*format == '#')
            used += (size_t)snprintf(out + used, sizeof x->text - used, "%s", value);
        else
            out[used++] = *format;
    }
    out[used] = '\0';
    return out;
}

static void a_note_lives(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "notes.Notes");
    const char *said = test_ask(t, "Create", "{\"title\":\"milk\",\"text\":\"two pints\"}");
    says(said, "\"title\":\"milk\"");
    says(said, "\"created\":\"2023-11-14T22:13:20");
    test_member(said, "id", x->id);
    assert_int_equal(strlen(x->id), 36);
    t->now += UINT64_C(1000000000);
    says(test_ask(t, "Read", request_of(x, "{\"id\":\"#\"}", x->id)), "two pints");
    said = test_ask(t, "Update", request_of(x, "{\"note\":{\"id\":\"#\",\"title\":\"bread\"}}", x->id));
    says(said, "bread");
    says_not(said, "two pints");
    says(said, "\"created\":\"2023-11-14T22:13:20");
    says(said, "\"updated\":\"2023-11-14T22:13:21");
    test_ask(t, "Create", "{\"title\":\"tea\"}");
    said = test_ask(t, "List", "{}");
    says(said, "bread");
    says(said, "tea");
    says(test_ask(t, "Delete", request_of(x, "{\"id\":\"#\"}", x->id)), "bread");
    refused(t, "Read", request_of(x, "{\"id\":\"#\"}", x->id), GRPC_NOT_FOUND);
    refused(t, "Update", request_of(x, "{\"note\":{\"id\":\"#\",\"title\":\"x\"}}", x->id), GRPC_NOT_FOUND);
    refused(t, "Delete", request_of(x, "{\"id\":\"#\"}", x->id), GRPC_NOT_FOUND);
    refused(t, "Read", "{}", GRPC_INVALID_ARGUMENT);
    says_not(test_ask(t, "List", "{}"), "bread");
    test_close(t);
}

static void sessions_are_apart(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "notes.Notes");
    test_ask(t, "Create", "{\"title\":\"one\"}");
    t->session = "other";
    says_not(test_ask(t, "List", "{}"), "one");
    test_ask(t, "Create", "{\"title\":\"two\"}");
    behave_reset(t->b, "other");
    says_not(test_ask(t, "List", "{}"), "two");
    t->session = "";
    says(test_ask(t, "List", "{}"), "one");
    behave_reset(t->b, "");
    says_not(test_ask(t, "List", "{}"), "one");
    assert_int_equal(behave_size(t->b).items, 0);
    assert_int_equal(behave_size(t->b).bytes, 0);
    test_close(t);
}

static void same_seed_same_answers(void **state)
{
    struct fixture *x = *state;
    char first[4096];
    struct test_behave *t = open(x, "user.User");
    snprintf(first, sizeof first, "%s", test_ask(t, "Create", "{\"username\":\"ada\",\"password\":\"secret\"}"));
    test_close(t);
    t = open(x, "user.User");
    assert_string_equal(first, test_ask(t, "Create", "{\"username\":\"ada\",\"password\":\"secret\"}"));
    test_close(t);
    t = open(x, "weather.Weather");
    snprintf(first, sizeof first, "%s", test_ask(t, "Now", "{\"location\":\"Oslo\"}"));
    says(first, "\"location\":\"Oslo\""); /* echoed */
    assert_string_equal(first, test_ask(t, "Now", "{\"location\":\"Oslo\"}"));
    assert_string_not_equal(first, test_ask(t, "Now", "{\"location\":\"Lima\"}"));
    test_close(t);
}

static void given_ids_are_kept(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "user.User");
    says(test_ask(t, "Create", "{\"id\":\"u1\",\"username\":\"ada\",\"profile\":{\"a\":\"b\"}}"),
         "\"profile\":{\"a\":\"b\"}");
    refused(t, "Create", "{\"id\":\"u1\",\"username\":\"bob\"}", GRPC_ALREADY_EXISTS);
    says(test_ask(t, "Read", "{\"username\":\"ada\"}"), "\"id\":\"u1\"");
    refused(t, "Read", "{\"id\":\"u1\",\"username\":\"bob\"}", GRPC_NOT_FOUND);
    says(test_ask(t, "Update", "{\"id\":\"u1\",\"email\":\"ada@example.com\"}"), "{}");
    says(test_ask(t, "Read", "{\"email\":\"ada@example.com\"}"), "\"username\":\"ada\"");
    test_close(t);
}

static void passwords_and_sessions(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "user.User");
    test_ask(t, "Create", "{\"id\":\"u1\",\"email\":\"ada@example.com\",\"password\":\"correct horse\"}");
    says_not(test_ask(t, "Read", "{\"id\":\"u1\"}"), "correct horse");
    refused(t, "Login", "{\"email\":\"ada@example.com\",\"password\":\"wrong\"}", GRPC_UNAUTHENTICATED);
    refused(t, "Login", "{\"email\":\"bob@example.com\",\"password\":\"correct horse\"}", GRPC_UNAUTHENTICATED);
    refused(t, "Login", "{\"password\":\"correct horse\"}", GRPC_INVALID_ARGUMENT);
    const char *said = test_ask(t, "Login", "{\"email\":\"ada@example.com\",\"password\":\"correct horse\"}");
    says(said, "\"userId\":\"u1\"");
    test_member(said, "id", x->id);
    says(test_ask(t, "ReadSession", request_of(x, "{\"sessionId\":\"#\"}", x->id)), "\"userId\":\"u1\"");
    /* The old password no longer, the new one. */
    refused(t, "UpdatePassword",
            "{\"userId\":\"u1\",\"oldPassword\":\"no\",\"newPassword\":\"battery\",\"confirmPassword\":\"battery\"}",
            GRPC_UNAUTHENTICATED);
    refused(
        t, "UpdatePassword",
        "{\"userId\":\"u1\",\"oldPassword\":\"correct horse\",\"newPassword\":\"battery\",\"confirmPassword\":\"x\"}",
        GRPC_INVALID_ARGUMENT);
    refused(t, "UpdatePassword",
            "{\"userId\":\"u1\",\"oldPassword\":\"correct "
            "horse\",\"newPassword\":\"battery\",\"confirmPassword\":\"battery\"}",
            GRPC_OK);
    refused(t, "Login", "{\"email\":\"ada@example.com\",\"password\":\"correct horse\"}", GRPC_UNAUTHENTICATED);
    refused(t, "Login", "{\"email\":\"ada@example.com\",\"password\":\"battery\"}", GRPC_OK);
    refused(t, "Logout", request_of(x, "{\"sessionId\":\"#\"}", x->id), GRPC_OK);
    refused(t, "ReadSession", request_of(x, "{\"sessionId\":\"#\"}", x->id), GRPC_NOT_FOUND);
    test_member(test_ask(t, "Login", "{\"email\":\"ada@example.com\",\"password\":\"battery\"}"), "id", x->id);
    t->now += UINT64_C(8) * 86400 * 1000000000;
    refused(t, "ReadSession", request_of(x, "{\"sessionId\":\"#\"}", x->id), GRPC_NOT_FOUND);
    test_close(t);
}

static void a_code_by_mail(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "user.User");
    test_ask(t, "Create", "{\"id\":\"u1\",\"email\":\"ada@example.com\",\"password\":\"correct horse\"}");
    refused(t, "SendPasswordResetEmail", "{\"email\":\"ada@example.com\"}", GRPC_OK);
    assert_int_equal(t->answer.headers.count, 1);
    assert_string_equal(t->answer.headers.items[0].name, "double-code");
    snprintf(x->id, sizeof x->id, "%.*s", (int)t->answer.headers.items[0].value.len,
             (const char *)t->answer.headers.items[0].value.data);
    refused(t, "ResetPassword",
            "{\"email\":\"ada@example.com\",\"code\":\"1\",\"newPassword\":\"b\",\"confirmPassword\":\"b\"}",
            GRPC_UNAUTHENTICATED);
    refused(t, "ResetPassword",
            request_of(x,
                       "{\"email\":\"ada@example.com\",\"code\":\"#\",\"newPassword\":\"b\",\"confirmPassword\":\"b\"}",
                       x->id),
            GRPC_OK);
    refused(t, "Login", "{\"email\":\"ada@example.com\",\"password\":\"b\"}", GRPC_OK);
    refused(t, "SendVerificationEmail", "{\"email\":\"ada@example.com\"}", GRPC_OK);
    snprintf(x->id, sizeof x->id, "%.*s", (int)t->answer.headers.items[0].value.len,
             (const char *)t->answer.headers.items[0].value.data);
    says_not(test_ask(t, "Read", "{\"id\":\"u1\"}"), "verified");
    refused(t, "VerifyEmail", request_of(x, "{\"token\":\"#\"}", x->id), GRPC_OK);
    says(test_ask(t, "Read", "{\"id\":\"u1\"}"), "\"verified\":true");
    test_close(t);
}

static void one_time_codes(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "otp.Otp");
    says_not(test_ask(t, "Validate", "{\"id\":\"ada\",\"code\":\"123456\"}"), "true");
    test_member(test_ask(t, "Generate", "{\"id\":\"ada\",\"size\":8,\"expiry\":60}"), "code", x->id);
    assert_int_equal(strlen(x->id), 8);
    says(test_ask(t, "Validate", request_of(x, "{\"id\":\"ada\",\"code\":\"#\"}", x->id)), "true");
    says_not(test_ask(t, "Validate", request_of(x, "{\"id\":\"bob\",\"code\":\"#\"}", x->id)), "true");
    says_not(test_ask(t, "Validate", "{\"id\":\"ada\",\"code\":\"00000000\"}"), "true");
    t->now += UINT64_C(61) * 1000000000;
    says_not(test_ask(t, "Validate", request_of(x, "{\"id\":\"ada\",\"code\":\"#\"}", x->id)), "true");
    test_close(t);
}

static void tokens_are_refreshed(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "customers.Customers");
    const char *said = test_ask(t, "Login", "{\"email\":\"ada@example.com\",\"password\":\"p\"}");
    test_member(said, "refreshToken", x->id);
    test_member(said, "accessToken", x->other);
    assert_int_equal(strlen(x->id), 32);
    assert_string_not_equal(x->id, x->other);
    said = test_ask(t, "Login", request_of(x, "{\"refreshToken\":\"#\"}", x->id));
    says(said, "accessToken");
    says_not(said, x->other);
    refused(t, "Login", request_of(x, "{\"refreshToken\":\"#\"}", x->id), GRPC_UNAUTHENTICATED);
    refused(t, "Login", "{\"email\":\"ada@example.com\"}", GRPC_UNAUTHENTICATED);
    test_close(t);
}

static void states_are_set(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "customers.Customers");
    test_ask(t, "Create", "{\"id\":\"c1\",\"email\":\"ada@example.com\"}");
    refused(t, "Ban", "{\"email\":\"ada@example.com\"}", GRPC_OK);
    says(test_ask(t, "Read", "{\"id\":\"c1\"}"), "\"status\":\"banned\"");
    refused(t, "Unban", "{\"id\":\"c1\"}", GRPC_OK);
    says_not(test_ask(t, "Read", "{\"id\":\"c1\"}"), "banned");
    refused(t, "MarkVerified", "{\"id\":\"c1\"}", GRPC_OK);
    says(test_ask(t, "Read", "{\"id\":\"c1\"}"), "\"status\":\"verified\"");
    refused(t, "Ban", "{\"id\":\"c2\"}", GRPC_NOT_FOUND);
    test_close(t);
    t = open(x, "to"
                "do.To"
                "do");
    test_member(test_ask(t, "Create", "{\"title\":\"milk\"}"), "id", x->id);
    const char *said = test_ask(t, "Complete", request_of(x, "{\"id\":\"#\"}", x->id));
    says(said, "\"done\":true");
    says(said, "\"completed\":\"1700000000\"");
    said = test_ask(t, "Reopen", request_of(x, "{\"id\":\"#\"}", x->id));
    says_not(said, "done");
    says_not(said, "completed");
    test_close(t);
}

static void members_and_messages(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "chat.Chat");
    test_member(test_ask(t, "Create", "{\"name\":\"tea\",\"userIds\":[\"ada\"]}"), "id", x->id);
    says(test_ask(t, "Invite", request_of(x, "{\"groupId\":\"#\",\"userId\":\"bob\"}", x->id)), "[\"ada\",\"bob\"]");
    says(test_ask(t, "Invite", request_of(x, "{\"groupId\":\"#\",\"userId\":\"bob\"}", x->id)), "[\"ada\",\"bob\"]");
    says(test_ask(t, "List", "{\"userId\":\"bob\"}"), "tea");
    says_not(test_ask(t, "List", "{\"userId\":\"eve\"}"), "tea");
    refused(t, "Send", "{\"groupId\":\"none\",\"text\":\"hello\"}", GRPC_NOT_FOUND);
    refused(t, "History", "{\"groupId\":\"none\"}", GRPC_NOT_FOUND);
    says(test_ask(t, "Send", request_of(x, "{\"groupId\":\"#\",\"userId\":\"ada\",\"text\":\"hello\"}", x->id)),
         "sentAt");
    says(test_ask(t, "History", request_of(x, "{\"groupId\":\"#\"}", x->id)), "hello");
    says_not(test_ask(t, "Kick", request_of(x, "{\"groupId\":\"#\",\"userId\":\"bob\"}", x->id)), "bob");
    refused(t, "Leave", request_of(x, "{\"groupId\":\"#\",\"userId\":\"bob\"}", x->id), GRPC_PERMISSION_DENIED);
    refused(t, "Delete", request_of(x, "{\"groupId\":\"#\"}", x->id), GRPC_OK);
    assert_int_equal(behave_size(t->b).items, 0); /* the messages went with their group */
    test_close(t);
}

static void streams_deliver(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "chat.Chat");
    struct fake_stream one = {0}, other = {0};
    test_member(test_ask(t, "Create", "{\"name\":\"tea\"}"), "id", x->id);
    test_member(test_ask(t, "Create", "{\"name\":\"cake\"}"), "id", x->other);
    test_stream(t, "Join", request_of(x, "{\"groupId\":\"#\",\"userId\":\"ada\"}", x->id), true, &one);
    assert_int_equal(t->answer.ending, FAKE_STAYS);
    test_stream(t, "Join", request_of(x, "{\"groupId\":\"#\"}", x->other), true, &other);
    test_ask(t, "Send", request_of(x, "{\"groupId\":\"#\",\"userId\":\"bob\",\"text\":\"hello\"}", x->id));
    test_ask(t, "Send", request_of(x, "{\"groupId\":\"#\",\"text\":\"cake!\"}", x->other));
    says(text_string(&one.sent), "\"text\":\"hello\"");
    says_not(text_string(&one.sent), "cake!");
    says(text_string(&other.sent), "cake!");
    t->r.gone(t->r.arg, &other);
    assert_int_equal(behave_size(t->b).streams, 1);
    test_ask(t, "Send", request_of(x, "{\"groupId\":\"#\",\"text\":\"more\"}", x->other));
    says_not(text_string(&other.sent), "more");
    one.slow = true;
    test_ask(t, "Send", request_of(x, "{\"groupId\":\"#\",\"text\":\"more\"}", x->id));
    assert_true(one.finished);
    assert_int_equal(one.status, GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(behave_size(t->b).streams, 0);
    struct fake_stream none = {0};
    test_stream(t, "Join", "{\"groupId\":\"none\"}", true, &none);
    assert_int_equal(t->answer.status, GRPC_NOT_FOUND);
    text_deinit(&one.sent);
    text_deinit(&other.sent);
    test_close(t);
}

static void changes_are_events(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "notes.Notes");
    struct fake_stream all = {0}, one = {0};
    test_stream(t, "Events", "{}", true, &all);
    test_member(test_ask(t, "Create", "{\"title\":\"milk\"}"), "id", x->id);
    test_stream(t, "Events", request_of(x, "{\"id\":\"#\"}", x->id), true, &one);
    test_ask(t, "Create", "{\"title\":\"other\"}");
    test_ask(t, "Update", request_of(x, "{\"note\":{\"id\":\"#\",\"title\":\"bread\"}}", x->id));
    test_ask(t, "Delete", request_of(x, "{\"id\":\"#\"}", x->id));
    says(text_string(&all.sent), "\"event\":\"create\"");
    says(text_string(&all.sent), "other");
    says_not(text_string(&one.sent), "other");
    says(text_string(&one.sent), "\"event\":\"update\"");
    says(text_string(&one.sent), "\"event\":\"delete\"");
    says(strstr(text_string(&one.sent), "delete"), "bread");
    behave_reset(t->b, "");
    assert_true(all.finished && one.finished);
    text_deinit(&all.sent);
    text_deinit(&one.sent);
    test_close(t);
}

static void people_talk(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "support.Support");
    const struct pb_method *chat = test_method(t, "Chat");
    struct fake_stream ada = {0}, bob = {0}, eve = {0};
    assert_string_equal(behave_role(t->b, "Chat"), "relay");
    test_stream(t, "Chat", "{\"ticketId\":\"1\",\"text\":\"hello\"}", false, &ada);
    assert_int_equal(t->answer.ending, FAKE_STAYS);
    test_stream(t, "Chat", "{\"ticketId\":\"1\",\"text\":\"good morning\"}", false, &bob);
    test_stream(t, "Chat", "{\"ticketId\":\"2\",\"text\":\"anybody?\"}", false, &eve);
    test_stream(t, "Chat", "{\"text\":\"how do you do\"}", false, &ada);
    assert_int_equal(behave_size(t->b).streams, 3);
    says(text_string(&bob.sent), "how do you do");
    says(text_string(&ada.sent), "good morning");
    says_not(text_string(&ada.sent), "how do you do");
    assert_int_equal(eve.sent.len, 0); /* in another room */
    t->r.gone(t->r.arg, &eve);
    test_ask_wire(t, chat, BYTES_NONE, NULL, 0, true, &bob);
    assert_int_equal(t->answer.ending, FAKE_ENDS);
    assert_int_equal(behave_size(t->b).streams, 1);
    t->r.gone(t->r.arg, &ada);
    assert_int_equal(behave_size(t->b).streams, 0);
    text_deinit(&ada.sent);
    text_deinit(&bob.sent);
    test_close(t);
}

static void *create_elsewhere(void *arg)
{
    struct test_behave *t = arg;
    test_ask(t, "Create", "{\"title\":\"from elsewhere\"}");
    return NULL;
}

static void other_threads_wait(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "notes.Notes");
    struct fake_stream s = {0};
    pthread_t thread;
    test_stream(t, "Events", "{}", true, &s);
    assert_int_equal(pthread_create(&thread, NULL, create_elsewhere, t), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(s.sent.len, 0); /* the stream is this thread's */
    test_ask(t, "List", "{}");
    says(text_string(&s.sent), "from elsewhere");
    text_deinit(&s.sent);
    test_close(t);
}

static void topics(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "mq.Mq");
    struct fake_stream s = {0};
    test_stream(t, "Subscribe", "{\"topic\":\"a\"}", true, &s);
    test_ask(t, "Publish", "{\"topic\":\"a\",\"message\":{\"n\":1}}");
    test_ask(t, "Publish", "{\"topic\":\"b\",\"message\":{\"n\":2}}");
    says(text_string(&s.sent), "{\"topic\":\"a\",\"message\":{\"n\":1}}");
    says_not(text_string(&s.sent), "\"n\":2");
    assert_int_equal(behave_size(t->b).items, 0); /* nobody can read them later */
    text_deinit(&s.sent);
    test_close(t);
    t = open(x, "event.Event");
    s = (struct fake_stream){0};
    test_stream(t, "Consume", "{\"topic\":\"a\",\"group\":\"g\"}", true, &s);
    test_ask(t, "Publish", "{\"topic\":\"a\",\"message\":{\"n\":1}}");
    test_ask(t, "Publish", "{\"topic\":\"b\",\"message\":{\"n\":2}}");
    says(text_string(&s.sent), "\"topic\":\"a\"");
    says(text_string(&s.sent), "\"n\":1");
    says_not(text_string(&s.sent), "\"n\":2");
    says(test_ask(t, "Read", "{\"topic\":\"b\",\"limit\":10}"), "\"n\":2");
    says_not(test_ask(t, "Read", "{\"topic\":\"b\"}"), "\"n\":1");
    text_deinit(&s.sent);
    test_close(t);
}

static void pages(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "user.User");
    char name[64];
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "{\"id\":\"u%d\"}", i);
        refused(t, "Create", name, GRPC_OK);
    }
    const char *said = test_ask(t, "List", "{\"offset\":8,\"limit\":5}");
    says(said, "u8");
    says(said, "u9");
    says_not(said, "u7");
    said = test_ask(t, "List", "{\"limit\":2}");
    says(said, "u1");
    says_not(said, "u2");
    said = test_ask(t, "List", "{\"offset\":100}");
    says_not(said, "u0");
    test_close(t);
    t = open(x, "audio.Audio");
    for (int i = 0; i < 5; i++)
        refused(t, "Upload", "{\"data\":\"YWJj\"}", GRPC_OK);
    said = test_ask(t, "List", "{\"limit\":2}");
    test_member(said, "nextCursor", x->id);
    says(said, "tracks");
    size_t seen = 2;
    while (x->id[0]) {
        char next[200];
        said = test_ask(t, "List", request_of(x, "{\"limit\":2,\"cursor\":\"#\"}", x->id));
        for (const char *at = said; (at = strstr(at, "\"id\":")) != NULL; at++)
            seen++;
        snprintf(x->id, sizeof x->id, "%s", test_member(said, "nextCursor", next));
    }
    assert_int_equal(seen, 5);
    refused(t, "List", "{\"cursor\":\"nonsense\"}", GRPC_INVALID_ARGUMENT);
    test_close(t);
}

static void chunks_go_up_and_down(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "store.BlobStore");
    const struct pb_method *write = test_method(t, "Write"), *read = test_method(t, "Read");
    static uint8_t big[100000];
    struct text wire = TEXT_INIT, got = TEXT_INIT;
    size_t ends[3];
    memset(big, 'x', sizeof big);
    for (int i = 0; i < 3; i++) {
        char head[16];
        if (i == 0)
            text_add(&wire, "\x0a\x01k", 3);
        big[0] = (uint8_t)('a' + i);
        text_add(&wire, "\x1a", 1);
        text_add(&wire, head, pb_varint_write((uint8_t *)head, sizeof big));
        text_add(&wire, big, sizeof big);
        ends[i] = wire.len;
    }
    assert_int_equal(test_ask_wire(t, write, text_bytes(&wire), ends, 3, true, NULL), GRPC_OK);
    test_said(t, write);
    assert_int_equal(test_ask_wire(t, read, BYTES("\x0a\x01k", 3), (size_t[]){3}, 1, true, NULL), GRPC_OK);
    assert_true(t->answer.marks.count >= 2);
    for (size_t i = 0, start = 0; i < t->answer.marks.count; start = t->answer.marks.items[i++].end) {
        ProtobufCMessage *m = NULL;
        struct bytes reply = BYTES(t->answer.replies.data + start, t->answer.marks.items[i].end - start);
        assert_int_equal(pb_unpack(read->output->descriptor, reply, NULL, &m, NULL), 0);
        ProtobufCBinaryData *data =
            (ProtobufCBinaryData *)((char *)m + read->output->descriptor->fields[read->output->field_count - 1].offset);
        text_add(&got, data->data, data->len);
        protobuf_c_message_free_unpacked(m, NULL);
    }
    assert_int_equal(got.len, 3 * sizeof big);
    assert_int_equal(got.data[0], 'a');
    assert_int_equal(got.data[sizeof big], 'b');
    says(test_ask(t, "List", "{}"), "\"k\"");
    refused(t, "Read", "{\"key\":\"no\"}", GRPC_NOT_FOUND);
    text_deinit(&wire);
    text_deinit(&got);
    test_close(t);
}

static void the_store(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "store.Store");
    refused(t, "Write", "{\"record\":{\"key\":\"a1\",\"value\":\"YQ==\"},\"options\":{\"table\":\"t\"}}", GRPC_OK);
    refused(t, "Write", "{\"record\":{\"key\":\"a2\",\"value\":\"YQ==\"},\"options\":{\"table\":\"t\"}}", GRPC_OK);
    refused(t, "Write", "{\"record\":{\"key\":\"a1\",\"value\":\"Yg==\"},\"options\":{\"table\":\"u\"}}", GRPC_OK);
    says(test_ask(t, "Read", "{\"key\":\"a1\",\"options\":{\"table\":\"t\"}}"), "YQ==");
    says(test_ask(t, "Read", "{\"key\":\"a1\",\"options\":{\"table\":\"u\"}}"), "Yg==");
    refused(t, "Read", "{\"key\":\"a\",\"options\":{\"table\":\"t\"}}", GRPC_NOT_FOUND);
    says(test_ask(t, "Read", "{\"key\":\"a\",\"options\":{\"table\":\"t\",\"prefix\":true}}"), "a2");
    says(test_ask(t, "List", "{\"options\":{\"table\":\"t\"}}"), "[\"a1\",\"a2\"]");
    says(test_ask(t, "List", "{\"options\":{\"table\":\"t\",\"suffix\":\"2\"}}"), "[\"a2\"]");
    says(test_ask(t, "List", "{\"options\":{\"table\":\"t\",\"order\":\"desc\"}}"), "[\"a2\",\"a1\"]");
    says(test_ask(t, "Tables", "{}"), "[\"t\",\"u\"]");
    refused(t, "Delete", "{\"key\":\"a1\",\"options\":{\"table\":\"t\"}}", GRPC_OK);
    refused(t, "Read", "{\"key\":\"a1\",\"options\":{\"table\":\"t\"}}", GRPC_NOT_FOUND);
    test_close(t);
}

static void flat_services(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "cache.Cache");
    says(test_ask(t, "Set", "{\"key\":\"k\",\"value\":\"5\"}"), "\"status\":\"ok\"");
    says(test_ask(t, "Get", "{\"key\":\"k\"}"), "\"value\":\"5\"");
    says(test_ask(t, "Increment", "{\"key\":\"k\",\"value\":2}"), "\"value\":\"7\"");
    says(test_ask(t, "ListKeys", "{}"), "[\"k\"]");
    refused(t, "Delete", "{\"key\":\"k\"}", GRPC_OK);
    refused(t, "Get", "{\"key\":\"k\"}", GRPC_NOT_FOUND);
    test_close(t);
    t = open(x, "db.Db");
    test_member(test_ask(t, "Create", "{\"table\":\"t\",\"record\":{\"name\":\"ada\"}}"), "id", x->id);
    says(test_ask(t, "Read", request_of(x, "{\"table\":\"t\",\"id\":\"#\"}", x->id)), "ada");
    says(test_ask(t, "Count", "{\"table\":\"t\"}"), "1");
    says(test_ask(t, "ListTables", "{}"), "[\"t\"]");
    refused(t, "Truncate", "{\"table\":\"t\"}", GRPC_OK);
    says_not(test_ask(t, "Count", "{\"table\":\"t\"}"), "1");
    test_close(t);
}

static void money(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "wallet.Wallet");
    test_ask(t, "Create", "{\"id\":\"a\"}");
    test_ask(t, "Create", "{\"id\":\"b\"}");
    says(test_ask(t, "Credit", "{\"id\":\"a\",\"amount\":100,\"reference\":\"r\",\"idempotencyKey\":\"1\"}"),
         "\"100\"");
    says(test_ask(t, "Credit", "{\"id\":\"a\",\"amount\":100,\"reference\":\"r\",\"idempotencyKey\":\"1\"}"),
         "\"100\"");
    refused(t, "Debit", "{\"id\":\"a\",\"amount\":101,\"reference\":\"r\"}", GRPC_FAILED_PRECONDITION);
    refused(t, "Debit", "{\"id\":\"a\",\"amount\":-1,\"reference\":\"r\"}", GRPC_INVALID_ARGUMENT);
    says(test_ask(t, "Debit", "{\"id\":\"a\",\"amount\":30,\"reference\":\"out\"}"), "\"70\"");
    refused(t, "Transfer", "{\"fromId\":\"a\",\"toId\":\"b\",\"amount\":71}", GRPC_FAILED_PRECONDITION);
    refused(t, "Transfer", "{\"fromId\":\"a\",\"toId\":\"b\",\"amount\":20}", GRPC_OK);
    refused(t, "Transfer", "{\"fromId\":\"a\",\"toId\":\"c\",\"amount\":20}", GRPC_NOT_FOUND);
    says(test_ask(t, "Balance", "{\"id\":\"a\"}"), "\"50\"");
    says(test_ask(t, "Balance", "{\"id\":\"b\"}"), "\"20\"");
    const char *said = test_ask(t, "Transactions", "{\"id\":\"a\"}");
    says(said, "\"amount\":\"100\"");
    says(said, "\"amount\":\"-30\"");
    says(said, "\"reference\":\"out\"");
    says(test_ask(t, "Transactions", "{\"id\":\"b\"}"), "\"amount\":\"20\"");
    test_close(t);
    t = open(x, "balance.Balance");
    says(test_ask(t, "Increment", "{\"customerId\":\"c\",\"delta\":5}"), "\"newBalance\":\"5\"");
    says(test_ask(t, "Current", "{\"customerId\":\"c\"}"), "\"currentBalance\":\"5\"");
    says(test_ask(t, "ListAdjustments", "{\"customerId\":\"c\"}"), "\"delta\":\"5\"");
    says_not(test_ask(t, "ListAdjustments", "{\"customerId\":\"d\"}"), "delta");
    test_close(t);
}

static void examples(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "stripe.Stripe");
    const char *said = test_ask(t, "ListPayments", "{}");
    test_member(said, "id", x->id);
    assert_true(x->id[0] != '\0');
    says(test_ask(t, "GetPayment", request_of(x, "{\"id\":\"#\"}", x->id)), x->id);
    refused(t, "GetPayment", "{\"id\":\"none\"}", GRPC_NOT_FOUND);
    test_close(t);
}

static void limits_hold(void **state)
{
    struct fixture *x = *state;
    struct behave_options options = {.items_max = 3, .bytes_max = 1000, .sessions_max = 2};
    struct test_behave *t = &x->t;
    assert_int_equal(test_open(t, x->services, "notes.Notes", &options, NULL), 0);
    for (int i = 0; i < 3; i++)
        refused(t, "Create", "{\"title\":\"a\"}", GRPC_OK);
    refused(t, "Create", "{\"title\":\"a\"}", GRPC_RESOURCE_EXHAUSTED);
    behave_reset(t->b, "");
    char big[1200];
    memset(big, 'x', sizeof big);
    memcpy(big, "{\"title\":\"", 10);
    memcpy(big + 1100, "\"}", 3);
    refused(t, "Create", big, GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(behave_size(t->b).items, 0);
    t->session = "a";
    refused(t, "List", "{}", GRPC_OK);
    t->session = "b";
    refused(t, "List", "{}", GRPC_RESOURCE_EXHAUSTED);
    test_close(t);
}

/* Of several annotations the last that speaks of the service counts, and the embedded one when none does. */
static void annotations_stand_beside_each_other(void **state)
{
    struct fixture *x = *state;
    const struct behave_annotation given[] = {
        {bytes_of("services: {cron.Cron: {methods: {Schedule: {role: list}}}}"), "a.yaml"},
        {bytes_of("services: {cron.Cron: {methods: {Schedule: {role: values}}}}"), "b.yaml"},
        {bytes_of("services: {user.User: {methods: {Create: {role: values}}}}"), "c.yaml"}};
    static const struct {
        const char *service, *method, *role;
        size_t count;
    } cases[] = {{"cron.Cron", "Schedule", "create", 0},
                 {"cron.Cron", "Schedule", "list", 1},
                 {"cron.Cron", "Schedule", "values", 3},
                 {"user.User", "Create", "values", 3},
                 {"user.User", "Create", "create", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct behave_options options = {.annotations = given, .annotation_count = cases[i].count};
        struct behave *b = NULL;
        assert_int_equal(behave_new(pb_find_service(x->services, cases[i].service), &options, &b, NULL), 0);
        assert_string_equal(behave_role(b, cases[i].method), cases[i].role);
        behave_free(b);
    }
}

static void what_expired_makes_room(void **state)
{
    struct fixture *x = *state;
    static const char annotation[] = "services: {cron.Cron: {entities: {job: {lifetime: 10s, unique: [name]}}}}";
    struct behave_options options = {.items_max = 3,
                                     .annotations = &(struct behave_annotation){bytes_of(annotation), "test.yaml"},
                                     .annotation_count = 1};
    struct test_behave *t = &x->t;
    assert_int_equal(test_open(t, x->services, "cron.Cron", &options, NULL), 0);
    refused(t, "Schedule", "{\"id\":\"a\",\"name\":\"a\"}", GRPC_OK);
    refused(t, "Schedule", "{\"id\":\"b\",\"name\":\"b\"}", GRPC_OK);
    refused(t, "Schedule", "{\"id\":\"c\",\"name\":\"c\"}", GRPC_OK);
    refused(t, "Schedule", "{\"id\":\"d\",\"name\":\"d\"}", GRPC_RESOURCE_EXHAUSTED);
    refused(t, "Schedule", "{\"id\":\"d\",\"name\":\"a\"}", GRPC_ALREADY_EXISTS);
    t->now += UINT64_C(11000000000);
    refused(t, "Schedule", "{\"id\":\"a\",\"name\":\"b\"}", GRPC_OK); /* key and name of others, both gone */
    refused(t, "Schedule", "{\"id\":\"d\",\"name\":\"d\"}", GRPC_OK);
    assert_int_equal(behave_size(t->b).items, 2);
    test_close(t);
}

static void bad_requests(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open(x, "notes.Notes");
    const struct pb_method *create = test_method(t, "Create");
    assert_int_equal(test_ask_wire(t, create, BYTES("\x0a\x05hi", 4), (size_t[]){4}, 1, true, NULL),
                     GRPC_INVALID_ARGUMENT);
    says(test_said(t, create), "CreateRequest");
    assert_int_equal(test_ask_wire(t, create, BYTES("\x0a\x02\xff\xfe", 4), (size_t[]){4}, 1, true, NULL),
                     GRPC_INVALID_ARGUMENT);
    test_close(t);
}

static void micro_errors(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open_with(x, "notes.Notes", "services: {notes.Notes: {errors: micro}}\n");
    const char *said = test_ask(t, "Read", "{\"id\":\"7\"}");
    says(said, "{\"id\":\"notes.Notes.Read\",\"code\":404,\"detail\":\"there is no note \\\"7\\\"\",\"status\":\"Not "
               "Found\"}");
    says(text_string(&t->answer.details) + 2, "notes.Notes.Read");
    assert_int_equal(t->answer.status, GRPC_NOT_FOUND);
    test_close(t);
}

/* ---- with the annotations beside the contracts ------------------------------------------------------------------ */

static void a_payment_moves(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open_own(x, "payment.Payment");
    static const char authorise[] = "{\"customerId\":\"c\",\"amount\":500,\"currency\":\"GBP\",\"reference\":\"o1\","
                                    "\"idempotencyKey\":\"k1\"}";
    refused(t, "Authorise", "{\"customerId\":\"c\"}", GRPC_INVALID_ARGUMENT);
    const char *said = test_ask(t, "Authorise", authorise);
    says(said, "STATE_AUTHORISED");
    says(said, "\"authorised\":\"500\"");
    test_member(said, "id", x->id);
    says(test_ask(t, "Authorise", authorise), x->id); /* the same key: the same payment */
    refused(t, "Refund", request_of(x, "{\"id\":\"#\",\"idempotencyKey\":\"k2\"}", x->id), GRPC_FAILED_PRECONDITION);
    said = test_ask(t, "Capture", request_of(x, "{\"id\":\"#\"}", x->id));
    says(said, "STATE_CAPTURED");
    says(said, "\"captured\":\"500\"");
    refused(t, "Capture", request_of(x, "{\"id\":\"#\"}", x->id), GRPC_FAILED_PRECONDITION);
    refused(t, "Void", request_of(x, "{\"id\":\"#\"}", x->id), GRPC_FAILED_PRECONDITION);
    said = test_ask(t, "Refund", request_of(x, "{\"id\":\"#\",\"amount\":200,\"idempotencyKey\":\"k3\"}", x->id));
    says(said, "\"refunded\":\"200\"");
    says(test_ask(t, "List", "{\"customerId\":\"c\",\"state\":\"STATE_REFUNDED\"}"), x->id);
    says_not(test_ask(t, "List", "{\"state\":\"STATE_CAPTURED\"}"), x->id);
    refused(t, "RemoveMethod", "{\"id\":\"none\"}", GRPC_OK);
    test_close(t);
}

static void accounts_are_unique(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open_own(x, "user.User");
    refused(t, "Create", "{\"id\":\"a\",\"email\":\"a@b.c\",\"password\":\"pppppppp\"}", GRPC_OK);
    refused(t, "Create", "{\"id\":\"b\",\"email\":\"a@b.c\",\"password\":\"pppppppp\"}", GRPC_INVALID_ARGUMENT);
    refused(t, "Create", "{\"id\":\"b\",\"email\":\"b@b.c\",\"password\":\"pppppppp\"}", GRPC_OK);
    refused(t, "Update", "{\"id\":\"b\",\"email\":\"a@b.c\"}", GRPC_INVALID_ARGUMENT);
    refused(t, "Update", "{\"id\":\"b\",\"email\":\"c@b.c\"}", GRPC_OK);
    refused(t, "Update", "{\"id\":\"a\",\"email\":\"b@b.c\"}", GRPC_OK); /* free again */
    refused(t, "Delete", "{\"id\":\"b\"}", GRPC_OK);
    refused(t, "Create", "{\"id\":\"d\",\"email\":\"c@b.c\",\"password\":\"pppppppp\"}", GRPC_OK);
    says(test_ask(t, "Create", "{\"email\":\"x@b.c\"}"), "password is required");
    test_close(t);
}

static void only_members_write(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open_own(x, "chat.Chat");
    struct fake_stream s = {0};
    test_member(test_ask(t, "Create", "{\"name\":\"tea\",\"userIds\":[\"ada\"]}"), "id", x->id);
    refused(t, "Send", request_of(x, "{\"groupId\":\"#\",\"userId\":\"ada\",\"text\":\"hi\"}", x->id), GRPC_OK);
    says(test_ask(t, "Send", request_of(x, "{\"groupId\":\"#\",\"userId\":\"eve\",\"text\":\"hi\"}", x->id)),
         "user is not in the group");
    assert_int_equal(t->answer.status, GRPC_INVALID_ARGUMENT);
    test_stream(t, "Join", request_of(x, "{\"groupId\":\"#\",\"userId\":\"eve\"}", x->id), true, &s);
    assert_int_equal(t->answer.status, GRPC_INVALID_ARGUMENT);
    test_stream(t, "Join", request_of(x, "{\"groupId\":\"#\",\"userId\":\"ada\"}", x->id), true, &s);
    assert_int_equal(t->answer.status, GRPC_OK);
    test_close(t);
}

static void an_order_is_placed(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open_own(x, "checkout.Checkout");
    test_member(test_ask(t, "Begin", "{\"basketId\":\"b\"}"), "id", x->id);
    says(test_ask(t, "Address", request_of(x, "{\"sessionId\":\"#\",\"address\":{\"city\":\"Oslo\"}}", x->id)), "Oslo");
    test_member(
        test_ask(t, "Place",
                 request_of(x,
                            "{\"sessionId\":\"#\",\"idempotencyKey\":\"k\",\"email\":\"a@b.c\",\"termsAccepted\":true}",
                            x->id)),
        "id", x->other);
    refused(t, "Deliver", request_of(x, "{\"id\":\"#\"}", x->other), GRPC_FAILED_PRECONDITION);
    says(test_ask(t, "Ship", request_of(x, "{\"id\":\"#\",\"trackingUrl\":\"https://example.com/1\"}", x->other)),
         "STATE_SHIPPED");
    refused(t, "Cancel", request_of(x, "{\"id\":\"#\"}", x->other), GRPC_FAILED_PRECONDITION);
    says(test_ask(t, "Deliver", request_of(x, "{\"id\":\"#\"}", x->other)), "STATE_DELIVERED");
    t->now += UINT64_C(901) * 1000000000;
    refused(t, "Address", request_of(x, "{\"sessionId\":\"#\",\"address\":{\"city\":\"Lima\"}}", x->id),
            GRPC_NOT_FOUND);
    test_close(t);
}

static void a_basket_fills(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open_own(x, "basket.Basket");
    struct fake_stream s = {0};
    static const char owner[] = "{\"owner\":{\"shopId\":\"s\",\"customerId\":\"c\"}}";
    test_member(test_ask(t, "Read", owner), "id", x->id);
    says(test_ask(t, "Read", owner), x->id); /* the same one */
    test_stream(t, "Watch", request_of(x, "{\"id\":\"#\"}", x->id), true, &s);
    says(test_ask(t, "Add", request_of(x, "{\"id\":\"#\",\"sku\":\"a\",\"quantity\":2}", x->id)), "\"quantity\":2");
    says(test_ask(t, "Add", request_of(x, "{\"id\":\"#\",\"sku\":\"a\"}", x->id)), "\"quantity\":3");
    says(test_ask(t, "Add", request_of(x, "{\"id\":\"#\",\"sku\":\"b\",\"quantity\":1}", x->id)), "\"sku\":\"b\"");
    says(test_ask(t, "Change", request_of(x, "{\"id\":\"#\",\"sku\":\"a\",\"quantity\":7}", x->id)), "\"quantity\":7");
    refused(t, "Change", request_of(x, "{\"id\":\"#\",\"sku\":\"z\",\"quantity\":7}", x->id), GRPC_NOT_FOUND);
    says_not(test_ask(t, "Change", request_of(x, "{\"id\":\"#\",\"sku\":\"b\",\"quantity\":0}", x->id)), "\"b\"");
    refused(t, "Remove", request_of(x, "{\"id\":\"#\",\"sku\":\"z\"}", x->id), GRPC_OK);
    says(test_ask(t, "Redeem", request_of(x, "{\"id\":\"#\",\"voucher\":\"v\"}", x->id)), "\"vouchers\":[\"v\"]");
    says_not(test_ask(t, "Clear", request_of(x, "{\"id\":\"#\"}", x->id)), "sku");
    says(text_string(&s.sent), "\"quantity\":7");
    text_deinit(&s.sent);
    test_close(t);
}

static void what_the_facts_say(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open_own(x, "notes.Notes");
    refused(t, "Create", "{}", GRPC_INVALID_ARGUMENT);
    refused(t, "Delete", "{\"id\":\"none\"}", GRPC_OK);
    test_close(t);
    t = open_own(x, "cache.Cache");
    says(test_ask(t, "Get", "{\"key\":\"none\"}"), "{\"key\":\"none\"}");
    refused(t, "Set", "{\"key\":\"k\",\"value\":\"v\",\"ttl\":5}", GRPC_OK);
    says(test_ask(t, "Get", "{\"key\":\"k\"}"), "\"v\"");
    t->now += UINT64_C(6000000000);
    says_not(test_ask(t, "Get", "{\"key\":\"k\"}"), "\"v\"");
    test_close(t);
    t = open_own(x, "stream.Stream");
    refused(t, "SendMessage", "{\"channel\":\"new\",\"text\":\"hi\"}", GRPC_OK);
    says(test_ask(t, "ListMessages", "{\"channel\":\"new\"}"), "hi");
    test_close(t);
    t = open_own(x, "balance.Balance");
    refused(t, "Decrement", "{\"customerId\":\"c\",\"delta\":5}", GRPC_INVALID_ARGUMENT);
    refused(t, "Increment", "{\"customerId\":\"c\",\"delta\":5}", GRPC_OK);
    refused(t, "DeleteCustomer", "{\"userId\":\"c\"}", GRPC_OK);
    says_not(test_ask(t, "Current", "{\"customerId\":\"c\"}"), "5");
    test_close(t);
}

/* ---- annotations ------------------------------------------------------------------------------------------------- */

static void mistakes_are_told(void **state)
{
    struct fixture *x = *state;
    static const char *const cases[][2] = {
        {"nonsense", "test.yaml:1:1: an annotation is a map"},
        {"service: {}", "test.yaml:1:1: "},
        {"services: {notes.Notes: {methods: {Reed: {role: read}}}}",
         "test.yaml:1:36: notes.Notes has no method \"Reed\""},
        {"services: {notes.Notes: {methods: {Read: {role: raed}}}}", "\"raed\" is no role: did you mean \"read\"?"},
        {"services: {notes.Notes: {methods: {Read: {roel: read}}}}", "role"},
        {"services: {notes.Notes: {methods: {Read: {required: [title]}}}}", "notes.ReadRequest has no field \"title\""},
        {"services: {notes.Notes: {methods: {Read: {fails: {missing: NOPE}}}}}", "\"NOPE\" is no gRPC status"},
        {"services: {notes.Notes: {entities: {nope: {key: [id]}}}}", "has no entity \"nope\""},
        {"services: {notes.Notes: {entities: {note: {key: [nope]}}}}", "notes.Note has no field \"nope\""},
        {"services: {notes.Notes: {entities: {note: {states: {field: title, moves: {Nope: {}}}}}}}",
         "no method \"Nope\""},
        {"services: {notes.Notes: {entities: {note: {defaults: {title: 5}}}}}", "no value for \"title\""},
        {"services: {notes.Notes: {methods: {List: {role: subscribe}}}}", "no stream of replies"},
        {"services: {notes.Notes: {methods: {Create: {role: credit}}}}", "needs an entity with a key and a balance"},
        {"services: {notes.Notes: {methods: {Create: {takes: {title: $limit}}}}}", "of no kind that can be $limit"},
        {"services: {notes.Notes: {errors: loud}}", "\"plain\" or \"micro\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct behave_options options = {.annotations = &(struct behave_annotation){bytes_of(cases[i][0]), "test.yaml"},
                                         .annotation_count = 1};
        struct behave *b = NULL;
        struct error err = ERROR_INIT;
        struct text text = TEXT_INIT;
        if (behave_new(pb_find_service(x->services, "notes.Notes"), &options, &b, &err) == 0)
            fail_msg("taken: %s", cases[i][0]);
        error_format(&err, &text);
        says(text_string(&text), cases[i][1]);
        says(text_string(&text), "test.yaml:1:");
        text_deinit(&text);
        error_clear(&err);
    }
}

static void roles_are_corrected(void **state)
{
    struct fixture *x = *state;
    struct test_behave *t = open_with(x, "chat.Chat",
                                      "services:\n"
                                      "  chat.Chat:\n"
                                      "    entities:\n"
                                      "      group: {defaults: {description: none yet}, unique: [name]}\n"
                                      "    methods:\n"
                                      "      History: {role: values}\n"
                                      "      Leave: {role: read}\n"
                                      "      Kick: {fails: {missing: {status: ABORTED, message: too late}}}\n");
    assert_string_equal(behave_role(t->b, "History"), "values");
    assert_string_equal(behave_role(t->b, "Leave"), "read");
    assert_null(behave_role(t->b, "Nope"));
    test_member(test_ask(t, "Create", "{\"name\":\"tea\"}"), "id", x->id);
    says(test_ask(t, "Leave", request_of(x, "{\"groupId\":\"#\"}", x->id)), "none yet");
    refused(t, "Create", "{\"name\":\"tea\"}", GRPC_ALREADY_EXISTS);
    says(test_ask(t, "Kick", "{\"groupId\":\"no\",\"userId\":\"u\"}"), "too late");
    assert_int_equal(t->answer.status, GRPC_ABORTED);
    struct text text = TEXT_INIT;
    assert_int_equal(behave_explain(t->b, BEHAVE_TEXT, &text), 0);
    says(text_string(&text), "Leave: read group, annotated");
    text_clear(&text);
    assert_int_equal(behave_explain(t->b, BEHAVE_JSON, &text), 0);
    json_t *json = json_loadb(text.data, text.len, 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_array_size(json_object_get(json, "methods")), t->service->method_count);
    json_decref(json);
    text_deinit(&text);
    test_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_note_lives),
        cmocka_unit_test(sessions_are_apart),
        cmocka_unit_test(same_seed_same_answers),
        cmocka_unit_test(given_ids_are_kept),
        cmocka_unit_test(passwords_and_sessions),
        cmocka_unit_test(a_code_by_mail),
        cmocka_unit_test(one_time_codes),
        cmocka_unit_test(tokens_are_refreshed),
        cmocka_unit_test(states_are_set),
        cmocka_unit_test(members_and_messages),
        cmocka_unit_test(streams_deliver),
        cmocka_unit_test(changes_are_events),
        cmocka_unit_test(topics),
        cmocka_unit_test(people_talk),
        cmocka_unit_test(other_threads_wait),
        cmocka_unit_test(pages),
        cmocka_unit_test(chunks_go_up_and_down),
        cmocka_unit_test(the_store),
        cmocka_unit_test(flat_services),
        cmocka_unit_test(money),
        cmocka_unit_test(examples),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(bad_requests),
        cmocka_unit_test(annotations_stand_beside_each_other),
        cmocka_unit_test(what_expired_makes_room),
        cmocka_unit_test(micro_errors),
        cmocka_unit_test(a_payment_moves),
        cmocka_unit_test(accounts_are_unique),
        cmocka_unit_test(only_members_write),
        cmocka_unit_test(an_order_is_placed),
        cmocka_unit_test(what_the_facts_say),
        cmocka_unit_test(a_basket_fills),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(roles_are_corrected),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
