/* Histories of others: EDN of Jepsen and Knossos, event logs, and what is refused of them. */
#include "base/test.h"

#include "chaos/history/file.h"

#include <inttypes.h>
#include <string.h>

/* "0 cas k0 1>2 ok", a line an operation. */
static void render(const struct history *h, struct text *out)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        size_t count;
        const int64_t *items = history_list(h, o, &count);
        text_printf(out, "%" PRId32 " %s ", o->process, operation_function_name(o->function));
        history_print_key(h, o->key, out);
        text_char(out, ' ');
        if (o->function == OPERATION_CAS) {
            history_print_value(h, o->other, out);
            text_char(out, '>');
        }
        if (o->list == 0)
            history_print_value(h, o->value, out);
        for (size_t n = 0; n < count; n++) {
            text_char(out, n == 0 ? '[' : ' ');
            history_print_value(h, items[n], out);
        }
        text_printf(out, "%s %s", o->list != 0 ? "]" : "", operation_end_name(o->end));
        if (o->function != OPERATION_CAS && o->other != VALUE_NIL) {
            text_puts(out, " +");
            history_print_value(h, o->other, out);
        }
        text_char(out, '\n');
    }
}

struct sample {
    const char *text, *operations;
    size_t skipped, told_nothing;
};

static void read_all(const struct sample *samples, size_t count, const struct history_options *options)
{
    for (size_t i = 0; i < count; i++) {
        struct history h;
        struct history_source source;
        struct error err = ERROR_INIT;
        struct text out = TEXT_INIT;
        struct bytes data = {(const uint8_t *)samples[i].text, strlen(samples[i].text)};
        if (history_parse(data, "h", options, &h, &source, &err) != 0) {
            error_format(&err, &out);
            fail_msg("sample %zu: %s", i, text_string(&out));
        }
        render(&h, &out);
        assert_string_equal(text_string(&out), samples[i].operations);
        assert_int_equal(source.skipped, samples[i].skipped);
        assert_int_equal(source.told_nothing, samples[i].told_nothing);
        text_deinit(&out);
        history_deinit(&h);
    }
}

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void test_edn(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        /* A vector, a list, and maps one behind the other; with comments, commas, discarded elements. */
        {"[{:process 0, :type :invoke, :f :write, :value 1}\n ; said twice\n {:process 0 :type :ok :f :write :value "
         "1}]",
         "0 write k0 1 ok\n", 0, 0},
        {"({:process 0 :type :invoke :f :read :value nil} #_{:process 9} {:process 0 :type :ok :f :read :value -7})",
         "0 read k0 -7 ok\n", 0, 0},
        {"{:process 3, :type :invoke, :f :cas, :value [1 :two], :time 17, :index 0}\n"
         "{:process 3, :type :ok, :f :cas, :value [1 :two], :time 18, :index 1}\n",
         "3 cas k0 1>:two ok\n", 0, 0},
        {"", NULL, 0, 0},
        /* Records, tags, what is no client's. */
        {"#jepsen.history.Op{:index 0, :time 5, :type :invoke, :process 0, :f :add, :value \"a \\u00e4\\n\"}\n"
         "#jepsen.history.Op{:index 1, :time #inst \"2020-01-01\", :type :info, :process 0, :f :add, :value nil}\n"
         "#jepsen.history.Op{:index 2, :type :info, :process :nemesis, :f :start, :value {:n1 #{:n2}}}\n",
         "0 add k0 a \xc3\xa4\n info\n", 1, 0},
        /* Jepsen's independent: values are [key value]. */
        {"[{:type :invoke :process 0 :f :cas :value [8 [1 2]]} {:type :invoke :process 1 :f :read :value [9 nil]}"
         " {:type :ok :process 0 :f :cas :value [8 [1 2]]} {:type :ok :process 1 :f :read :value [9 4]}]",
         "0 cas k8 1>2 ok\n1 read k9 4 ok\n", 0, 0},
        {"[{:type :invoke :process 0 :f :read :value [:x nil]} {:type :fail :process 0 :f :read :value [:x nil]}]",
         "0 read :x nil fail\n", 0, 0},
        /* Sets, queues, locks. */
        {"[{:type :invoke :process 0 :f :read} {:type :ok :process 0 :f :read :value #{1 2 \"c\"}}]",
         "0 read k0 [1 2 c] ok\n", 0, 0},
        /* Transactions; a read of nil tells nothing, and one of only such reads is left out. */
        {"[{:process 0 :type :invoke :f :txn :value [[:read :x nil] [:write :y 2] [:read :y nil]]}"
         " {:process 0 :type :ok :f :txn :value [[:read :x nil] [:write :y 2] [:read :y 2]]}"
         " {:process 1 :type :invoke :f :txn :value [[:r :x nil] [:r :y nil]]}"
         " {:process 1 :type :ok :f :txn :value [[:r :x nil] [:r :y nil]]}"
         " {:process 1 :type :invoke :f :txn :value [[:w :y :z]]} {:process 1 :type :info :f :txn}]",
         "0 txn :x [1 1 2 0 1 2] ok\n1 txn :x [1 1 :z] info\n", 0, 1},
        {"[{:type :invoke :process 0 :f :enqueue :value 1N} {:type :ok :process 0 :f :enqueue :value 1}"
         " {:type :invoke :process 0 :f :dequeue} {:type :ok :process 0 :f :dequeue :value 1}]",
         "0 enqueue k0 1 ok\n0 dequeue k0 1 ok\n", 0, 0},
        {"[{:type :invoke :process 0 :f :acquire :value nil} {:type :ok :process 0 :f :acquire :value 12}"
         " {:type :invoke :process 0 :f :unlock :value 12} {:type :fail :process 0 :f :unlock :error [:not-held "
         "\"x\"]}]",
         "0 acquire k0 nil ok +12\n0 release k0 nil fail +12\n", 0, 0},
        /* What tells nothing is left out: a failed cas (it may have failed for any reason), a read of nil. */
        {"[{:type :invoke :process 0 :f :cas :value [1 2]} {:type :fail :process 0 :f :cas :value [1 2]}"
         " {:type :invoke :process 1 :f :read} {:type :ok :process 1 :f :read :value nil}"
         " {:type :invoke :process 2 :f :write :value true}]",
         "2 write k0 true open\n", 0, 2},
    };
    read_all(samples, 3, NULL);
    read_all(samples + 4, COUNT(samples) - 4, NULL);
    static const struct sample absent[] = {
        {"[{:type :invoke :process 1 :f :read} {:type :ok :process 1 :f :read :value nil}]", "1 read k0 nil ok\n", 0,
         0},
        {"[{:process 0 :type :invoke :f :txn :value [[:r 5 nil]]} {:process 0 :type :ok :f :txn :value [[:r 5 nil]]}]",
         "0 txn k0 [0 5 nil] ok\n", 0, 0},
    };
    read_all(absent, COUNT(absent), &(struct history_options){.nil_is_absent = true});
}

static void test_event_logs(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"INFO  jepsen.util - 0\t:invoke\t:read\tnil\n"
         "INFO  jepsen.util - 2\t:invoke\t:write\t4\n"
         "INFO  jepsen.core - Worker 7 starting\n"
         "INFO  jepsen.util - :nemesis\t:info\t:start\tnil\r\n"
         "INFO  jepsen.util - 2\t:info\t:write\t:timed-out\n"
         "INFO  jepsen.util - 0\t:ok\t:read\tnil\n"
         "INFO  jepsen.util - 0\t:invoke\t:cas\t[1 3]\n"
         "INFO  jepsen.util - 0\t:fail\t:cas\t[1 3]\n",
         "0 read k0 nil ok\n2 write k0 4 info\n0 cas k0 1>3 fail\n", 2, 0},
        {"0\t:invoke\t:cas\t[1 3]\n0\t:fail\t:cas\t[1 3]\t:connection-refused\n1 :invoke :read nil",
         "1 read k0 nil open\n", 0, 1},
    };
    read_all(samples, COUNT(samples), NULL);
}

/* Appended texts become compare-and-set operations. */
static void test_appends(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"{:process 0, :type :invoke, :f :append, :key \"a\", :value \"x\"}\n"
         "{:process 0, :type :ok, :f :append, :key \"a\", :value \"x\"}\n"
         "{:process 0, :type :invoke, :f :append, :key \"a\", :value \"y\"}\n"
         "{:process 1, :type :invoke, :f :get, :key \"a\", :value nil}\n"
         "{:process 1, :type :ok, :f :get, :key \"a\", :value \"xy\"}\n"
         "{:process 2, :type :invoke, :f :append, :key \"a\", :value \"z\"}\n"
         "{:process 3, :type :invoke, :f :put, :key \"b\", :value \"p\"}\n"
         "{:process 4, :type :invoke, :f :get, :key \"b\", :value nil}\n"
         "{:process 4, :type :ok, :f :get, :key \"b\", :value \"\"}\n",
         "0 cas a nil>x ok\n0 cas a x>xy open\n1 read a xy ok\n2 write a ...z (never read, 3) open\n"
         "3 write b p open\n4 read b nil ok\n",
         0, 0},
        /* The same text twice: time tells which append is the one that was read first. */
        {"{:process 0, :type :invoke, :f :append, :key 1, :value \"x\"}\n"
         "{:process 0, :type :ok, :f :append, :key 1, :value \"x\"}\n"
         "{:process 0, :type :invoke, :f :append, :key 1, :value \"x\"}\n"
         "{:process 0, :type :ok, :f :append, :key 1, :value \"x\"}\n"
         "{:process 1, :type :invoke, :f :get, :key 1, :value nil}\n"
         "{:process 1, :type :ok, :f :get, :key 1, :value \"xx\"}\n",
         "0 cas k1 nil>x ok\n0 cas k1 x>xx ok\n1 read k1 xx ok\n", 0, 0},
    };
    read_all(samples, COUNT(samples), NULL);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "h:1:1: the file is empty"},
        {"\x01", "h:1:1: this is no history: JSON lines, harrow's binary form, EDN and Jepsen's event logs are known"},
        {"hello\nworld\n",
         "h:1:1: no line of it is an event: JSON lines, harrow's binary form, EDN and Jepsen's event logs are known"},
        {"[{:process 0 :type :invoke :f :read}",
         "h:1:37: the file ends before the history does: the closing bracket is missing"},
        {"[{:process 0 :type :invoke :f :read]", "h:1:36: a closing bracket without its opening one"},
        {"[{:process 0 :type :invoke :f", "h:1:2: a map begins here that is not closed with '}'"},
        {"[{:process 0 :type}]", "h:1:2: this map has a key without a value"},
        {"[\n {:process 0 :type \"in", "h:2:20: this string has no closing \""},
        {"[{:a \"\\q\"}]", "h:1:6: this string has an escape that is none of \\t \\n \\r \\b \\f \\\\ \\\" \\uXXXX"},
        {"[1]",
         "h:1:2: an event of a history is a map: {:process 0, :type :invoke, :f :read, :value nil}; this is a number"},
        {"[{:type :invoke :f :read}]", "h:1:2: an event has a :process"},
        {"[{:process 0 :type :begin :f :read}]", "h:1:20: :type is :invoke, :ok, :fail or :info"},
        {"[{:process 0 :type :invoke}]", "h:1:2: an event has an :f: what was asked"},
        {"[{:process 0 :type :invoke :f :txn :value [[:append :x 1]]}]",
         "h:1:45: this part of a transaction is not known: known are :read (:r) and :write (:w)"},
        {"[{:process 0 :type :invoke :f :txn :value [[:r :x]]}]",
         "h:1:44: a part of a txn is [:read key value] or [:write key value]"},
        {"[{:process 0 :type :invoke :f :txn :value {:r :x}}]",
         "h:1:43: the value of a txn is [[:read :x nil] [:write :y 2]]"},
        {"[{:process 0 :type :invoke :f :txn :value [[:r [1] nil]]}]",
         "h:1:48: a vector stands here where a key is expected: a number, a keyword or a string"},
        {"[{:process 0 :type :invoke :f :txn :value [[:r :x nil]]} {:process 0 :type :ok :f :txn :value [[:r :y 3]]}]",
         "h:1:58: a transaction ends with the parts it was invoked with"},
        {"[{:process 0 :type :invoke :f :txn :value [[:w :x 1]]} {:process 0 :type :ok :f :txn :value [[:w :x 2]]}]",
         "h:1:56: a transaction ends with the parts it was invoked with"},
        {"[{:process 0 :type :invoke :f :txn :value [[:w :x 1]]} {:process 0 :type :ok :f :txn}]",
         "h:1:56: a txn has a :value"},
        {"[{:process 0 :type :invoke :f :drain}]",
         "h:1:31: :f drain is not known: known are read, write, cas, add, remove, enqueue, dequeue, acquire, "
         "release, send, poll, acknowledge, watch, issue, use, revoke, txn, and get, put, append of texts"},
        {"[{:process 0 :type :invoke :f :write}]", "h:1:2: a write has a :value"},
        {"[{:process 0 :type :invoke :f :write :value {1 2}}]",
         "h:1:45: a map stands here where one value is expected: a number, a keyword, a string or nil"},
        {"[{:process 0 :type :invoke :f :cas :value 3}]", "h:1:43: the value of a cas is [from to]"},
        {"[{:process 0 :type :ok :f :read :value 3}]", "h:1:2: an operation ends here that was never invoked"},
        {"[{:process 0 :type :invoke :f :read :value [1 nil]} {:process 1 :type :invoke :f :write :value 3}]",
         "h:1:96: the values of this history are [key value], and this one is not"},
        {"[] 1", "h:1:4: something stands behind the end of the history"},
        {"[\"\xff\"]", "h:1:3: this is not UTF-8"},
        {"INFO x - 0\t:invoke", "h:1:1: a line of an event log is: process :type :f value"},
        {"{:process 0 :type :invoke :f :append :key \"a\" :value \"x\"}"
         "{:process 1 :type :invoke :f :append :key \"a\" :value \"x\"}"
         "{:process 2 :type :invoke :f :get :key \"a\"}{:process 2 :type :ok :f :get :key \"a\" :value \"x\"}",
         "h: a text is appended more than once and it cannot be told which was read (key a, appended \"x\")"},
        {"{:process 0 :type :invoke :f :append :key \"a\" :value \"y\"}"
         "{:process 1 :type :invoke :f :append :key \"a\" :value \"yy\"}"
         "{:process 2 :type :invoke :f :get :key \"a\"}{:process 2 :type :ok :f :get :key \"a\" :value \"yyy\"}",
         "h: it begins with another text of the key (key a, appended \"yy\")"},
        {"{:process 0 :type :invoke :f :append :key \"a\" :value \"x\"}"
         "{:process 1 :type :invoke :f :put :key \"a\" :value \"xx\"}",
         "h: a text that is put begins with this one (key a, appended \"x\")"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct history h;
        struct error err = ERROR_INIT;
        struct text text = TEXT_INIT;
        struct bytes data = {(const uint8_t *)cases[i].text, strlen(cases[i].text)};
        assert_true(history_parse(data, "h", NULL, &h, NULL, &err) < 0);
        error_format(&err, &text);
        assert_string_equal(text_string(&text), cases[i].message);
        text_deinit(&text);
        error_clear(&err);
        assert_int_equal(h.count, 0);
    }
}

static void test_deep(void **state)
{
    (void)state;
    struct text deep = TEXT_INIT, message = TEXT_INIT;
    struct history h;
    struct error err = ERROR_INIT;
    text_puts(&deep, "[{:a ");
    for (int i = 0; i < 100000; i++)
        text_char(&deep, i % 2 == 0 ? '[' : '(');
    assert_int_equal(history_parse(text_bytes(&deep), "h", NULL, &h, NULL, &err), ERROR_SYNTAX);
    error_format(&err, &message);
    assert_string_equal(text_string(&message), "h:1:69: nested deeper than the limit of 64");
    error_clear(&err);
    text_deinit(&deep);
    text_deinit(&message);
}

/* A text of a mebibyte is the longest there is. */
static void test_long_text(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        struct text file = TEXT_INIT, message = TEXT_INIT;
        struct history h;
        struct error err = ERROR_INIT;
        text_puts(&file, "[{:process 0 :type :invoke :f :write :value \"");
        for (size_t i = 0; i < (1 << 20) + extra; i++)
            text_char(&file, 'x');
        text_puts(&file, "\"}]");
        int code = history_parse(text_bytes(&file), "h", NULL, &h, NULL, &err);
        error_format(&err, &message);
        assert_int_equal(code, extra == 0 ? 0 : ERROR_LIMIT);
        assert_string_equal(text_string(&message),
                            extra == 0 ? "no error" : "h:1:45: this text is above the limit of 1 MiB");
        error_clear(&err);
        text_deinit(&file);
        text_deinit(&message);
        if (code == 0)
            history_deinit(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edn),     cmocka_unit_test(test_event_logs), cmocka_unit_test(test_appends),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_deep),       cmocka_unit_test(test_long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
