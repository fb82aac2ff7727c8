# SPDX-License-Identifier: BSL-1.0
# Words and lines: how rows are said in C and in prose, and how text is broken into lines.
# The writers CSource and Pages call it.
package Text;

use strict;
use warnings FATAL => 'all';

use Columns;
use Exporter qw(import);

our @EXPORT_OK = qw(c_string count_text direction_text fill truth wrap);

sub c_string {
    my ($text) = @_;
    $text =~ s/(["\\])/\\$1/g;
    return "\"$text\"";
}

sub truth {
    return $_[0] ? 'true' : 'false';
}

# Who sends a message.
sub direction_text {
    my ($model, $message) = @_;
    my ($client, $server) = @{$model->{head}}{qw(client server)};
    my %text = (
        to_server => "$client to $server",
        to_client => "$server to $client",
        either => 'either direction',
        unknown => 'direction unknown',
    );
    return $text{$message->{direction}};
}

sub count_text {
    my ($row) = @_;
    my ($min, $max) = @{$row->{count}};
    return $min == $max ? $min : "$min.." . ($max == $Columns::LIMIT{many} ? 'n' : $max);
}

# Lines of items with a comma behind each, none wider than $width.
sub wrap {
    my ($width, $indent, @items) = @_;
    my @lines = ('');
    for my $item (@items) {
        push @lines, '' if $lines[-1] ne '' and length("$indent$lines[-1] $item,") > $width;
        $lines[-1] .= ($lines[-1] eq '' ? '' : ' ') . "$item,";
    }
    return join '', map { "$indent$_\n" } @lines;
}

# Words behind $first, continued on lines that begin with $next, none wider than $width. A comment's
# end stays with the word in front of it.
sub fill {
    my ($width, $first, $next, $text) = @_;
    my @lines = ($first);
    for my $word (split / (?!\*\/)/, $text) {
        if (length("$lines[-1] $word") > $width) {
            push @lines, $next . $word;
        } else {
            $lines[-1] .= " $word";
        }
    }
    return join '', map { "$_\n" } @lines;
}

1;
