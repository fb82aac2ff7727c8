# run-headend's own parts, and what a real installation begins with. Nothing here is built.
EXTRA_DIST += \
	%D%/README.md \
	%D%/break-ecm.pl \
	%D%/headend.pl \
	%D%/judge.pl \
	%D%/lib \
	deploy
