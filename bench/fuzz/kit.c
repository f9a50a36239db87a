#include "bench/fuzz/kit.h"

#include "bench/fuzz/order.pb-c.h"

__asm__(".section .rodata\n"
        ".balign 16\n"
        "order_set_begin_:\n"
        ".incbin \"" ORDER_SET_FILE "\"\n"
        "order_set_end_:\n"
        ".byte 0\n"
        ".previous\n");
extern const uint8_t order_set_begin_[], order_set_end_[];

int order_pool(struct pb_pool **out, struct error *err)
{
    return pb_pool_new(BYTES(order_set_begin_, (size_t)(order_set_end_ - order_set_begin_)), "order", out, err);
}

int order_sample(struct text *out)
{
    static char street[] = "1 Mill Lane", city[] = "Grindelwald", note[] = "leave it with the neighbour",
                key[] = "colour", value[] = "green", card[] = "4111 1111 1111 1111";
    static uint8_t blob[] = {0, 1, 2, 255, 254};
    uint32_t options[] = {1, 200, 70000};
    Order__Address to;
    Order__Line inner, line, other, *lines[] = {&line, &other};
    Order__Order__LabelsEntry label, *labels[] = {&label};
    Order__Order order;
    order__address__init(&to);
    order__line__init(&inner);
    order__line__init(&line);
    order__order__labels_entry__init(&label);
    order__order__init(&order);
    to.street = street;
    to.city = city;
    to.zip = 3818;
    inner.product = 7;
    inner.price = 0.5;
    line.product = 123456789;
    line.quantity = -2;
    line.price = 19.99;
    line.blob = (ProtobufCBinaryData){sizeof blob, blob};
    line.n_options = 3;
    line.options = options;
    line.bundle = &inner;
    other = line;
    other.bundle = NULL;
    label.key = key;
    label.value = value;
    order.id = 4711;
    order.balance = -1200;
    order.gift = 1;
    order.state = ORDER__STATE__PAID;
    order.note = note;
    order.to = &to;
    order.n_lines = 2;
    order.lines = lines;
    order.payment_case = ORDER__ORDER__PAYMENT_CARD;
    order.card = card;
    order.weight = 2.25F;
    order.stamp = 1700000000000000000;
    order.n_labels = 1;
    order.labels = labels;
    return pb_pack(&order.base, out);
}

int order_seed(size_t i, struct fuzz_case *out)
{
    struct text sample = TEXT_INIT;
    int rc = i ? ERROR_NOT_FOUND : order_sample(&sample);
    if (rc == 0)
        rc = fuzz_case_from_bytes(text_bytes(&sample), ORDER_PATH, out);
    text_deinit(&sample);
    return rc;
}
