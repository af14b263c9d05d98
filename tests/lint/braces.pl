#!/usr/bin/perl
# braces.pl FILE...: the body of every if, else, for, while and do stands in braces.
# Prints FILE:LINE of those that do not; exits 1 if there are any.
use strict;
use warnings;

my $bad = 0;

# Blanks what can hide a keyword or a parenthesis, and keeps the lines.
sub blank {
	my ($text) = @_;
	$text =~ s{(/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+')}
		{my $gone = $1; $gone =~ s/[^\n]/ /g; $gone}gesx;
	$text =~ s{^([ \t]*\#[ \t]*(?!define)[a-z].*)$}{' ' x length($1)}gem;
	$text =~ s{\\$}{ }gm;
	return $text;
}

# The offset behind the parenthesis that closes the one at $at.
sub behind_parens {
	my ($text, $at) = @_;
	my $depth = 0;
	for (my $i = $at; $i < length($text); $i++) {
		my $char = substr($text, $i, 1);
		$depth++ if $char eq '(';
		$depth-- if $char eq ')';
		return $i + 1 if $depth == 0;
	}
	return length($text);
}

for my $file (@ARGV) {
	open(my $in, '<', $file) or die "$file: $!\n";
	my $text = blank(do { local $/; <$in> });
	close($in);
	# A while on the line of a closing brace ends a do.
	while ($text =~ /\b(if|else|for|while|do)\b/g) {
		my ($word, $start, $after) = ($1, $-[1], $+[1]);
		my $rest;
		if ($word eq 'else' || $word eq 'do') {
			$rest = substr($text, $after, 80);
			next if $word eq 'else' && $rest =~ /^\s+if\b/;
		} else {
			next if substr($text, $after, 80) !~ /^(\s*)\(/;
			$rest = substr($text, behind_parens($text, $after + length($1)), 80);
			next if $word eq 'while' && substr($text, 0, $start) =~ /\}[ \t]*$/;
		}
		next if $rest =~ /^\s*\{/;
		my $line = 1 + (substr($text, 0, $start) =~ tr/\n//);
		print "$file:$line: no braces behind $word\n";
		$bad = 1;
	}
}
exit $bad;
