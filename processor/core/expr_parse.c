/*
 * Text to tree: a lexer that gives one token at a time, and precedence climbing over CEL's operators. What CEL has and this
 * subset has not is refused by its name, so that nobody searches for a typing mistake.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/timefmt.h"
#include "core/expr.h"

enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_NUMBER, TOKEN_STRING, TOKEN_DURATION, TOKEN_SIGN };

struct token {
	enum token_kind kind;
	struct slice text; /* as written; of a string: without its quotes */
	size_t offset, length;
};

struct parser {
	struct arena *arena;
	struct slice text;
	size_t at;
	struct token token; /* the next one */
	size_t last_end;    /* where the one before it ended */
	int depth;
	struct expr_error *error;
	bool failed;
};

static struct expr_node *fail(struct parser *parser, size_t offset, size_t length,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

static struct expr_node *fail(
	struct parser *parser, size_t offset, size_t length, const char *format, ...)
{
	va_list arguments;

	if (!parser->failed) {
		parser->error->offset = offset;
		parser->error->len = length;
		va_start(arguments, format);
		vsnprintf(
			parser->error->message, sizeof(parser->error->message), format, arguments);
		va_end(arguments);
	}
	parser->failed = true;
	parser->token.kind = TOKEN_END;
	return NULL;
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char char_at(const struct parser *parser, size_t at)
{
	return at < parser->text.len ? parser->text.at[at] : '\0';
}

static void lex_number(struct parser *parser)
{
	size_t at = parser->at;

	while (is_digit(char_at(parser, at)))
		at++;
	bool has_point = char_at(parser, at) == '.' && is_digit(char_at(parser, at + 1));
	if (has_point)
		for (at++; is_digit(char_at(parser, at)); at++)
			;
	parser->token.kind = TOKEN_NUMBER;
	if (is_name_start(char_at(parser, at))) {
		/* A unit: 30d, 5m, 90s. */
		while (is_name_start(char_at(parser, at)))
			at++;
		parser->token.kind = TOKEN_DURATION;
	}
	parser->token.text = (struct slice){ parser->text.at + parser->at, at - parser->at };
	parser->at = at;
}

static void lex_string(struct parser *parser)
{
	size_t at = parser->at + 1;
	char quote = char_at(parser, parser->at);

	if (char_at(parser, at) == quote && char_at(parser, at + 1) == quote) {
		fail(parser, parser->at, 3, "texts in three quotes of CEL are not in this subset");
		return;
	}
	while (at < parser->text.len && parser->text.at[at] != quote)
		at += parser->text.at[at] == '\\' ? 2 : 1;
	if (at >= parser->text.len) {
		fail(parser, parser->at, parser->text.len - parser->at,
			"this text has no closing quote");
		return;
	}
	parser->token.kind = TOKEN_STRING;
	parser->token.text =
		(struct slice){ parser->text.at + parser->at + 1, at - parser->at - 1 };
	parser->at = at + 1;
}

static void lex_sign(struct parser *parser)
{
	static const char *const doubles[] = { "==", "!=", "<=", ">=", "&&", "||" };
	struct slice rest = { parser->text.at + parser->at, parser->text.len - parser->at };
	size_t length = 1;

	for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++)
		if (rest.len >= 2 && memcmp(rest.at, doubles[i], 2) == 0)
			length = 2;
	if (rest.len >= 2 && memcmp(rest.at, "//", 2) == 0) {
		fail(parser, parser->at, 2,
			"comments of CEL are not in this subset; YAML's begin with #");
		return;
	}
	if (length == 1 && strchr("<>!+-*/%?:()[],.", rest.at[0]) == NULL) {
		fail(parser, parser->at, 1,
			rest.at[0] == '{'   ? "map literals {…} of CEL are not in this subset"
			: rest.at[0] == '=' ? "= is no comparison; == is"
			: rest.at[0] == '&' || rest.at[0] == '|'
				? "&& and || are written twice"
				: "this character means nothing here");
		return;
	}
	parser->token.kind = TOKEN_SIGN;
	parser->token.text = (struct slice){ rest.at, length };
	parser->at += length;
}

/* b"…" and r'…' */
static const char *prefix_of_text(const struct parser *parser)
{
	char after = char_at(parser, parser->at);

	if (after != '"' && after != '\'')
		return NULL;
	if (slice_is(parser->token.text, "b") || slice_is(parser->token.text, "B"))
		return "bytes of CEL are not in this subset";
	if (slice_is(parser->token.text, "r") || slice_is(parser->token.text, "R"))
		return "raw texts of CEL are not in this subset; escapes are \\n \\t \\\\ \\\" \\'";
	return NULL;
}

static void next(struct parser *parser)
{
	if (parser->failed)
		return;
	parser->last_end = parser->token.offset + parser->token.length;
	while (parser->at < parser->text.len &&
		strchr(" \t\r\n", parser->text.at[parser->at]) != NULL &&
		parser->text.at[parser->at] != '\0')
		parser->at++;
	size_t start = parser->at;
	char c = char_at(parser, start);
	parser->token.offset = start;
	if (start >= parser->text.len) {
		parser->token.kind = TOKEN_END;
		parser->token.text = (struct slice){ "", 0 };
	} else if (is_name_start(c)) {
		while (is_name_start(char_at(parser, parser->at)) ||
			is_digit(char_at(parser, parser->at)))
			parser->at++;
		parser->token.kind = TOKEN_NAME;
		parser->token.text = (struct slice){ parser->text.at + start, parser->at - start };
		const char *refused = prefix_of_text(parser);
		if (refused)
			fail(parser, start, parser->at - start + 1, "%s", refused);
	} else if (is_digit(c)) {
		lex_number(parser);
	} else if (c == '"' || c == '\'') {
		lex_string(parser);
	} else {
		lex_sign(parser);
	}
	parser->token.length = parser->at - start;
}

static bool is_sign(const struct parser *parser, const char *sign)
{
	return parser->token.kind == TOKEN_SIGN && slice_is(parser->token.text, sign);
}

static bool take_sign(struct parser *parser, const char *sign)
{
	if (!is_sign(parser, sign))
		return false;
	next(parser);
	return !parser->failed;
}

static struct expr_node *node_new(struct parser *parser, enum expr_kind kind, size_t offset)
{
	struct expr_node *node = arena_alloc(parser->arena, sizeof(*node));

	if (node == NULL)
		return fail(parser, offset, 1, "the expression is too large");
	node->kind = kind;
	node->offset = (uint32_t)offset;
	return node;
}

static struct expr_node *close_node(struct parser *parser, struct expr_node *node, size_t end)
{
	if (node == NULL || parser->failed)
		return NULL;
	node->length = (uint32_t)(end - node->offset);
	return node;
}

static bool add_child(struct parser *parser, struct expr_node *node, struct expr_node *child)
{
	if (child == NULL || parser->failed)
		return false;
	if ((node->child_count & (node->child_count - 1)) == 0) {
		/* Full at each power of two: doubled. */
		uint32_t capacity = node->child_count == 0 ? 1 : node->child_count * 2;
		struct expr_node **grown = arena_alloc(parser->arena, capacity * sizeof(*grown));
		if (grown == NULL) {
			fail(parser, node->offset, 1, "the expression is too large");
			return false;
		}
		if (node->child_count > 0)
			memcpy(grown, node->children, node->child_count * sizeof(*grown));
		node->children = grown;
	}
	node->children[node->child_count++] = child;
	return true;
}

static struct expr_node *parse_ternary(struct parser *parser);

static struct expr_node *parse_number(struct parser *parser)
{
	struct expr_node *node = node_new(parser, EXPR_LITERAL, parser->token.offset);
	struct token token = parser->token;
	int64_t units;

	if (node == NULL)
		return NULL;
	if (!decimal_parse(token.text, &units))
		return fail(parser, token.offset, token.length,
			"a number has at most 14 digits before and 4 behind the point");
	if (memchr(token.text.at, '.', token.text.len) == NULL)
		node->literal = value_of(VALUE_INT, units / DECIMAL_SCALE);
	else
		node->literal = value_of(VALUE_DECIMAL, units);
	next(parser);
	return close_node(parser, node, token.offset + token.length);
}

/* A number with letters behind it is meant for a duration, but where CEL has another number of that look. */
static const char *number_of_cel(struct slice text)
{
	size_t digits = 0;

	while (digits < text.len && (is_digit(text.at[digits]) || text.at[digits] == '.'))
		digits++;
	if (digits == 1 && text.at[0] == '0' && text.at[1] == 'x')
		return "hexadecimal numbers of CEL are not in this subset";
	if (text.len == digits + 1 && (text.at[digits] == 'u' || text.at[digits] == 'U'))
		return "unsigned numbers of CEL are not in this subset";
	if (text.len == digits + 1 && (text.at[digits] == 'e' || text.at[digits] == 'E'))
		return "numbers with an exponent of CEL are not in this subset";
	return "a duration is a whole number with ms, s, m, h, d or w: 30d, 90s";
}

static struct expr_node *parse_duration(struct parser *parser)
{
	struct expr_node *node = node_new(parser, EXPR_LITERAL, parser->token.offset);
	struct token token = parser->token;
	int64_t ms;

	if (node == NULL)
		return NULL;
	if (!duration_parse(token.text, &ms))
		return fail(parser, token.offset, token.length, "%s", number_of_cel(token.text));
	node->literal = value_of(VALUE_DURATION, ms);
	next(parser);
	return close_node(parser, node, token.offset + token.length);
}

static struct expr_node *parse_string(struct parser *parser)
{
	struct expr_node *node = node_new(parser, EXPR_LITERAL, parser->token.offset);
	struct token token = parser->token;
	char *text = arena_alloc(parser->arena, token.text.len + 1);
	size_t length = 0;

	if (node == NULL || text == NULL)
		return fail(parser, token.offset, token.length, "the expression is too large");
	for (size_t i = 0; i < token.text.len; i++) {
		char c = token.text.at[i];
		if (c == '\\') {
			c = token.text.at[++i];
			if (c == 'n')
				c = '\n';
			else if (c == 't')
				c = '\t';
			else if (c != '\\' && c != '"' && c != '\'')
				return fail(parser, token.offset + i, 2,
					"escapes are \\n \\t \\\\ \\\" \\'");
		}
		text[length++] = c;
	}
	node->literal = value_of(VALUE_STRING, 0);
	node->text = (struct slice){ text, length };
	next(parser);
	return close_node(parser, node, token.offset + token.length);
}

/* The arguments behind "(" or the elements behind "[", up to `end`. */
static struct expr_node *parse_children(
	struct parser *parser, struct expr_node *node, const char *end)
{
	if (!is_sign(parser, end)) {
		do {
			if (!add_child(parser, node, parse_ternary(parser)))
				return NULL;
		} while (take_sign(parser, ","));
	}
	size_t last = parser->token.offset + parser->token.length;
	if (!is_sign(parser, end))
		return fail(parser, parser->token.offset,
			parser->token.length + (parser->token.length == 0),
			end[0] == ')' ? "a closing ) is missing here"
				      : "a closing ] is missing here");
	next(parser);
	return close_node(parser, node, last);
}

static bool is_macro(struct slice name)
{
	static const char *const macros[] = { "has", "all", "exists", "exists_one", "filter", "dyn",
		"type", "matches" };

	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++)
		if (slice_is(name, macros[i]))
			return true;
	return false;
}

static struct expr_node *refuse_macro(struct parser *parser, struct token name)
{
	if (slice_is(name.text, "matches"))
		return fail(parser, name.offset, name.length,
			"regular expressions of CEL (matches) are not in this subset; "
			"contains() and startsWith() are");
	return fail(parser, name.offset, name.length,
		"the macro " SLICE_FMT "()%s of CEL is not in this subset", SLICE_ARG(name.text),
		slice_is(name.text, "has") ? ": x != null" : "");
}

static struct expr_node *parse_call(struct parser *parser, struct token name)
{
	if (is_macro(name.text))
		return refuse_macro(parser, name);
	struct expr_node *node = node_new(parser, EXPR_CALL, name.offset);
	if (node == NULL)
		return NULL;
	node->text = name.text;
	next(parser);
	return parse_children(parser, node, ")");
}

static struct expr_node *parse_path(struct parser *parser, struct token first)
{
	enum { PATH_MAX_PARTS = 8 };
	struct slice parts[PATH_MAX_PARTS];
	uint32_t count = 0;
	size_t end = first.offset + first.length;

	parts[count++] = first.text;
	while (take_sign(parser, ".")) {
		if (parser->token.kind != TOKEN_NAME)
			return fail(parser, parser->token.offset, 1,
				"a name is missing behind the point");
		if (count == PATH_MAX_PARTS)
			return fail(parser, parser->token.offset, parser->token.length,
				"a path has at most 8 parts");
		parts[count++] = parser->token.text;
		end = parser->token.offset + parser->token.length;
		next(parser);
	}
	if (is_sign(parser, "("))
		return fail(parser, first.offset, end - first.offset,
			"methods x.f() of CEL are written f(x) here");
	if (is_sign(parser, "["))
		return fail(parser, parser->token.offset, 1,
			"indexes x[0] of CEL are not in this subset");
	struct expr_node *node = node_new(parser, EXPR_PATH, first.offset);
	if (node == NULL)
		return NULL;
	node->path = arena_alloc(parser->arena, count * sizeof(*parts));
	if (node->path == NULL)
		return fail(parser, first.offset, 1, "the expression is too large");
	memcpy(node->path, parts, count * sizeof(*parts));
	node->path_count = count;
	return close_node(parser, node, end);
}

static struct expr_node *parse_name(struct parser *parser)
{
	struct token name = parser->token;
	bool is_true = slice_is(name.text, "true"), is_false = slice_is(name.text, "false");

	if (is_true || is_false || slice_is(name.text, "null")) {
		struct expr_node *node = node_new(parser, EXPR_LITERAL, name.offset);
		if (node == NULL)
			return NULL;
		node->literal = is_true || is_false ? value_of(VALUE_BOOL, is_true)
						    : value_null(VALUE_NULL);
		next(parser);
		return close_node(parser, node, name.offset + name.length);
	}
	next(parser);
	if (parser->failed)
		return NULL;
	return is_sign(parser, "(") ? parse_call(parser, name) : parse_path(parser, name);
}

static struct expr_node *parse_primary(struct parser *parser)
{
	size_t offset = parser->token.offset;

	switch (parser->token.kind) {
	case TOKEN_NUMBER:
		return parse_number(parser);
	case TOKEN_DURATION:
		return parse_duration(parser);
	case TOKEN_STRING:
		return parse_string(parser);
	case TOKEN_NAME:
		return parse_name(parser);
	default:
		break;
	}
	if (take_sign(parser, "(")) {
		struct expr_node *node = parse_ternary(parser);
		if (node == NULL)
			return NULL;
		if (!is_sign(parser, ")"))
			return fail(parser, parser->token.offset, 1, "a closing ) is missing here");
		next(parser);
		return parser->failed ? NULL : node;
	}
	if (take_sign(parser, "[")) {
		struct expr_node *node = node_new(parser, EXPR_LIST, offset);
		return node == NULL ? NULL : parse_children(parser, node, "]");
	}
	if (is_sign(parser, ".") && is_digit(char_at(parser, parser->at)))
		return fail(parser, offset, 1, "a number wants a digit in front of the point: 0.5");
	return fail(parser, offset, 1,
		parser->token.kind == TOKEN_END ? "something is missing at the end"
						: "a value is expected here");
}

static bool is_plain_number(const struct expr_node *node)
{
	return node->kind == EXPR_LITERAL &&
	       (node->literal.type == VALUE_INT || node->literal.type == VALUE_DECIMAL ||
		       node->literal.type == VALUE_DURATION);
}

static struct expr_node *parse_unary(struct parser *parser)
{
	struct token token = parser->token;
	bool is_not = is_sign(parser, "!");

	if (!is_not && !is_sign(parser, "-"))
		return parse_primary(parser);
	if (++parser->depth > EXPR_DEPTH_MAX)
		return fail(parser, token.offset, 1, "the expression is nested too deeply");
	struct expr_node *node = node_new(parser, EXPR_UNARY, token.offset);
	next(parser);
	struct expr_node *operand = parse_unary(parser);
	parser->depth--;
	if (node == NULL || operand == NULL || parser->failed)
		return NULL;
	if (!is_not && is_plain_number(operand)) { /* -1 is a constant, also in a list */
		operand->literal.i = -operand->literal.i;
		operand->offset = (uint32_t)token.offset;
		return close_node(parser, operand, parser->last_end);
	}
	if (!add_child(parser, node, operand))
		return NULL;
	node->op = is_not ? OP_NOT : OP_NEGATE;
	return close_node(parser, node, operand->offset + operand->length);
}

static const struct {
	const char *sign;
	enum expr_operator op;
	int level; /* binds tighter the higher it is */
} binaries[] = {
	{ "||", OP_OR, 1 },
	{ "&&", OP_AND, 2 },
	{ "==", OP_EQUAL, 3 },
	{ "!=", OP_NOT_EQUAL, 3 },
	{ "<", OP_LESS, 3 },
	{ "<=", OP_LESS_EQUAL, 3 },
	{ ">", OP_GREATER, 3 },
	{ ">=", OP_GREATER_EQUAL, 3 },
	{ "in", OP_IN, 3 },
	{ "+", OP_ADD, 4 },
	{ "-", OP_SUBTRACT, 4 },
	{ "*", OP_MULTIPLY, 5 },
	{ "/", OP_DIVIDE, 5 },
	{ "%", OP_REMAINDER, 5 },
};
enum { LEVEL_MAX = 5 };

/* The binary operator at this token, of this level; -1: none. */
static int binary_at(const struct parser *parser, int level)
{
	for (size_t i = 0; i < sizeof(binaries) / sizeof(binaries[0]); i++)
		if (binaries[i].level == level && slice_is(parser->token.text, binaries[i].sign) &&
			(parser->token.kind == TOKEN_SIGN ||
				(parser->token.kind == TOKEN_NAME && binaries[i].op == OP_IN)))
			return (int)i;
	return -1;
}

static struct expr_node *parse_binary(struct parser *parser, int level)
{
	if (level > LEVEL_MAX)
		return parse_unary(parser);
	struct expr_node *left = parse_binary(parser, level + 1);
	int found;

	for (int links = 0; left != NULL && (found = binary_at(parser, level)) >= 0; links++) {
		/* A long chain is a tree as deep as it is long. */
		if (links + parser->depth >= EXPR_DEPTH_MAX)
			return fail(parser, parser->token.offset, parser->token.length,
				"the expression is nested too deeply");
		struct expr_node *node = node_new(parser, EXPR_BINARY, left->offset);
		next(parser);
		struct expr_node *right = parse_binary(parser, level + 1);
		if (node == NULL || !add_child(parser, node, left) ||
			!add_child(parser, node, right))
			return NULL;
		node->op = binaries[found].op;
		left = close_node(parser, node, right->offset + right->length);
	}
	return left;
}

static struct expr_node *parse_ternary(struct parser *parser)
{
	if (++parser->depth > EXPR_DEPTH_MAX)
		return fail(parser, parser->token.offset, 1, "the expression is nested too deeply");
	struct expr_node *condition = parse_binary(parser, 1);
	if (condition == NULL || !take_sign(parser, "?")) {
		parser->depth--;
		return parser->failed ? NULL : condition;
	}
	struct expr_node *node = node_new(parser, EXPR_TERNARY, condition->offset);
	struct expr_node *yes = parse_ternary(parser);
	if (yes == NULL)
		return NULL;
	if (!is_sign(parser, ":"))
		return fail(parser, parser->token.offset, 1,
			"a : is missing here (condition ? this : that)");
	next(parser);
	struct expr_node *no = parse_ternary(parser);
	parser->depth--;
	if (node == NULL || no == NULL || !add_child(parser, node, condition) ||
		!add_child(parser, node, yes) || !add_child(parser, node, no))
		return NULL;
	return close_node(parser, node, no->offset + no->length);
}

/* "abc".size(): what stands behind a value that no operator joins to it. */
static void refuse_rest(struct parser *parser)
{
	struct token rest = parser->token;

	if (take_sign(parser, ".") && parser->token.kind == TOKEN_NAME) {
		if (is_macro(parser->token.text) || slice_is(parser->token.text, "map"))
			refuse_macro(parser, parser->token);
		else
			fail(parser, parser->token.offset, parser->token.length,
				"methods of CEL are written as functions here: " SLICE_FMT "(x, …)",
				SLICE_ARG(parser->token.text));
	}
	fail(parser, rest.offset, rest.length,
		slice_is(rest.text, "[") ? "indexes of CEL are not in this subset"
					 : "an operator is missing before this");
}

int expr_parse(struct arena *arena, struct slice text, struct expr_node **ret,
	struct expr_error *ret_error)
{
	struct parser parser = { .arena = arena, .text = text, .error = ret_error };

	next(&parser);
	struct expr_node *node = parser.failed ? NULL : parse_ternary(&parser);
	if (node != NULL && !parser.failed && parser.token.kind != TOKEN_END)
		refuse_rest(&parser);
	if (parser.failed || node == NULL)
		return 1;
	*ret = node;
	return 0;
}
