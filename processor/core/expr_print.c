#include <inttypes.h>

#include "base/decimal.h"
#include "base/timefmt.h"
#include "core/expr.h"

/* As it would be written: what was escaped is escaped again. */
static void print_text(struct slice text, struct buffer *out)
{
	buffer_put_u8(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c == '"' || c == '\\' || c == '\n' || c == '\t')
			buffer_put_u8(out, '\\');
		buffer_put_u8(out, (uint8_t)(c == '\n' ? 'n' : c == '\t' ? 't' : c));
	}
	buffer_put_u8(out, '"');
}

static void print_literal(const struct expr_node *node, struct buffer *out)
{
	char text[DECIMAL_TEXT_MAX];

	if (node->literal.is_null) {
		buffer_printf(out, "null");
		return;
	}
	switch (node->literal.type) {
	case VALUE_STRING:
		print_text(node->text, out);
		break;
	case VALUE_BOOL:
		buffer_printf(out, "%s", node->literal.i != 0 ? "true" : "false");
		break;
	case VALUE_DURATION:
		buffer_printf(out, "%s", duration_format(node->literal.i, text));
		break;
	case VALUE_DECIMAL:
		decimal_format(node->literal.i, 1, text, sizeof(text));
		buffer_printf(out, "%s", text);
		break;
	default:
		buffer_printf(out, "%" PRId64, node->literal.i);
		break;
	}
}

static void print_children(
	const struct expr_node *node, const char *open, const char *close, struct buffer *out)
{
	buffer_printf(out, "%s", open);
	for (uint32_t i = 0; i < node->child_count; i++) {
		if (i > 0)
			buffer_printf(out, ", ");
		expr_print(node->children[i], out);
	}
	buffer_printf(out, "%s", close);
}

static void print_binary(const struct expr_node *node, struct buffer *out)
{
	static const char *const signs[] = {
		"!",
		"-",
		"||",
		"&&",
		"==",
		"!=",
		"<",
		"<=",
		">",
		">=",
		"in",
		"+",
		"-",
		"*",
		"/",
		"%",
	};

	buffer_printf(out, "(");
	expr_print(node->children[0], out);
	buffer_printf(out, " %s ", signs[node->op]);
	expr_print(node->children[1], out);
	buffer_printf(out, ")");
}

void expr_print(const struct expr_node *node, struct buffer *out)
{
	switch (node->kind) {
	case EXPR_LITERAL:
		print_literal(node, out);
		break;
	case EXPR_PATH:
		for (uint32_t i = 0; i < node->path_count; i++)
			buffer_printf(
				out, "%s" SLICE_FMT, i > 0 ? "." : "", SLICE_ARG(node->path[i]));
		break;
	case EXPR_CALL:
		buffer_printf(out, SLICE_FMT, SLICE_ARG(node->text));
		print_children(node, "(", ")", out);
		break;
	case EXPR_UNARY:
		buffer_printf(out, node->op == OP_NOT ? "!" : "-");
		expr_print(node->children[0], out);
		break;
	case EXPR_BINARY:
		print_binary(node, out);
		break;
	case EXPR_TERNARY:
		buffer_printf(out, "(");
		expr_print(node->children[0], out);
		buffer_printf(out, " ? ");
		expr_print(node->children[1], out);
		buffer_printf(out, " : ");
		expr_print(node->children[2], out);
		buffer_printf(out, ")");
		break;
	case EXPR_LIST:
		print_children(node, "[", "]", out);
		break;
	}
}
