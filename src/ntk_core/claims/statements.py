"""The statements of the lecture notes, as printed, with what holds instead or is sharper.

docs/notes.md restates the notes; each id here is a heading there, with the same words.
"""

from __future__ import annotations

from .record import Statement

STATEMENTS: dict[str, Statement] = {
    "L1.1": Statement(
        title="ReLU subgradient",
        statement=r"$x\,1\{\theta^\top x\ge0\}$ is a subgradient of $\theta\mapsto\sigma(\theta^\top x)$.",
        source="Lemma 1, part 1",
        proof="Lemmas 1 to 3",
    ),
    "L1.2": Statement(
        title="Gradient times weights is the network",
        statement=r"$\nabla_w f(x;w,c)^\top w=f(x;w,c)$ for all $x,w,c$.",
        source="Lemma 1, part 2",
        proof="Lemmas 1 to 3",
    ),
    "L2": Statement(
        title="Symmetric initialization starts at zero",
        statement=r"Under symmetric initialization $F(x;w(0),c)=0$ with probability 1, for every $x$.",
        source="Lemma 2",
        proof="Lemmas 1 to 3",
    ),
    "L3": Statement(
        title="Taylor-like expansion",
        statement=(
            r"$F(x;w,c)=\nabla F(x;w(0),c)^\top(w-w(0))"
            r"+\big(\nabla F(x;w,c)-\nabla F(x;w(0),c)\big)^\top w$ for any $w$, "
            "from symmetric initialization."
        ),
        source="Lemma 3",
        proof="Lemmas 1 to 3",
    ),
    "R1": Statement(
        title=r"The scale $1/\sqrt m$",
        statement=(
            r"The factor $1/\sqrt m$ in $F=f/\sqrt m$ matters: if $\max_i\|w_i-w_i(0)\|\le\alpha/\sqrt m$, "
            r"the linearization error of $F$ is $O(1/\sqrt m)$ with high probability."
        ),
        source="remarks after Lemmas 2 and 3",
        proof="The worst displacement",
        figures=("collapse",),
    ),
    "T1": Statement(
        title="Theorem 1",
        statement=(
            r"From symmetric initialization, if $\max_i\|w_i-w_i(0)\|\le\alpha/\sqrt m$, then with "
            r"probability at least $1-\delta$: $$\big|F(x;w,c)-\nabla F(x;w(0),c)^\top(w-w(0))\big|"
            r"\le\frac{\alpha}{\sqrt m}(1+\|x\|)\Big[\alpha\|x\|+\sqrt{\log(1/\delta)}\Big].$$"
        ),
        source="Theorem 1",
        proof="The worst displacement",
        corrected=(
            r"With probability at least $1-\delta$, uniformly over the ball: "
            r"$$E\le\|x\|\left[\frac{\alpha^2}{2\sqrt{2\pi}}\,m^{-1/2}+\alpha^{3/2}"
            r"\sqrt{\frac{2\log(1/\delta)}{3\sqrt{2\pi}}}\,m^{-3/4}"
            r"+\frac{\alpha\log(1/\delta)}3\,m^{-1}\right].$$ "
            r"The first term has the best possible constant: for $m\to\infty$ the supremum of $\sqrt m\,E$ "
            r"tends to $\frac{\alpha^2\|x\|}{2\sqrt{2\pi}}$ at every $\delta$, so no bound with a smaller "
            r"one holds. The chance to fail, $\delta$, enters only in the other two terms, which fall "
            r"faster. Each neuron near its kink is charged with what it adds on average, by Bernstein's "
            r"inequality, and not with the whole radius. Over all $m,\alpha,\delta,\|x\|$ the printed bound "
            r"is at least 4.47 times the exact $(1-\delta)$-quantile of the supremum, and comes as close to "
            "that as one likes."
        ),
        figures=("rate", "ladder", "constant", "delta"),
    ),
    "T1.rate": Statement(
        title="The rate of Theorem 1",
        statement=r"The linearization error in the ball decays as $m^{-1/2}$.",
        source="Theorem 1 and the remark before it",
        proof="Random directions: $m^{-3/4}$",
        corrected=(
            r"The supremum over the ball decays exactly so, "
            r"$\sqrt m\,\sup_uE\to\frac{\alpha^2\|x\|}{2\sqrt{2\pi}}$, and half of it is attained along each "
            r"neuron's own gradient. Displacements drawn uniformly on the sphere decay faster: "
            r"$E=O(m^{-3/4})$, with $\varphi(0)=1/\sqrt{2\pi}$ and "
            r"$$m^{3/2}\,\mathbb E[E^2]\to\alpha^3\|x\|^2\varphi(0)"
            r"\Big[\tfrac13\mathbb E|t|^3-2\int_0^1\big(\mathbb E(t-s)_+\big)^2ds\Big].$$"
        ),
        figures=("slope", "collapse", "dimension"),
    ),
    "D": Statement(
        title="The two parts of the error",
        statement=(
            r"$\Delta=\Delta_1+\Delta_2$ with $\Delta_1=[\nabla F(w)-\nabla F(w(0))]^\top w(0)$ and "
            r"$\Delta_2=[\nabla F(w)-\nabla F(w(0))]^\top u$, and $|\Delta|$ is the linearization error $E$."
        ),
        source="proof of Theorem 1",
        proof="Setting",
    ),
    "S": Statement(
        title="Sign changes lie in the band",
        statement=r"$i\in S(x)\;\Rightarrow\;|w_i(0)^\top x|\le\|u_i\|\,\|x\|\le\alpha\|x\|/\sqrt m$.",
        source="proof of Lemma 4",
        proof="Setting",
    ),
    "L4.Δ1": Statement(
        title="Lemma 4 (first bound)",
        statement=(
            r"With probability at least $1-\delta$: "
            r"$|\Delta_1|\le\frac{\alpha}{\sqrt m}\Big[\alpha\|x\|+\sqrt{\log(1/\delta)}\Big]$."
        ),
        source="Lemma 4",
        proof="The band",
        corrected=(
            r"With probability at least $1-\delta$, uniformly over the ball: "
            r"$|\Delta_1|\le\frac{\alpha\|x\|}{2\sqrt m}"
            r"\Big(\sqrt{2/\pi}\,\alpha+\sqrt{\log(1/\delta)}\Big)$. The printed bound holds for all "
            r"$m,\alpha,\delta$ if and only if $\|x\|\le x^*=3.7512\ldots$"
        ),
        figures=("failure",),
    ),
    "L4.Δ2": Statement(
        title="Lemma 4 (second bound)",
        statement=(
            r"With probability at least $1-\delta$: "
            r"$|\Delta_2|\le\frac{\alpha\|x\|}{\sqrt m}\Big[\alpha\|x\|+\sqrt{\log(1/\delta)}\Big]$."
        ),
        source="Lemma 4",
        proof="The band",
        corrected=(
            r"With probability at least $1-\delta$, uniformly over the ball: "
            r"$|\Delta_2|\le\frac{\alpha\|x\|}{2\sqrt m}"
            r"\Big(\sqrt{2/\pi}\,\alpha+\sqrt{\log(1/\delta)}\Big)$. The printed bound holds for all "
            r"$m,\alpha,\delta$ if and only if $\|x\|\ge1/\sqrt{2\pi}$."
        ),
        figures=("failure",),
    ),
    "A1": Statement(
        title="Event $A_1$",
        statement=(
            r"With probability at least $1-\delta$ the band holds few neurons: $$\frac{|B|}m="
            r"\frac1m\sum_i1\big\{|w_i(0)^\top x|\le\alpha\|x\|/\sqrt m\big\}"
            r"\le\frac1{\sqrt m}\Big[\alpha\|x\|+\sqrt{\log(1/\delta)}\Big].$$"
        ),
        source="proof of Lemma 4",
        proof="The band",
        corrected=(
            r"With probability at least $1-\delta$: "
            r"$\frac{|B|}m\le\frac1{\sqrt m}\Big(\sqrt{2/\pi}\,\alpha+\sqrt{\log(1/\delta)}\Big)$, "
            r"whatever $\|x\|$. The printed bound holds for all $m,\alpha,\delta$ if and only if "
            r"$\|x\|\ge\sqrt{2/\pi}$."
        ),
        figures=("failure",),
    ),
    "AC": Statement(
        title="Gaussian anti-concentration",
        statement=(
            r"For $U\sim N(0,I_d)$, $x\ne0$ and $\varepsilon>0$: "
            r"$\mathbb P(|U^\top x|\le\|x\|\varepsilon)\le\sqrt{2/\pi}\,\varepsilon$."
        ),
        source="proof of Lemma 4",
        proof="The band",
    ),
    "H": Statement(
        title="Hoeffding's step",
        statement=(
            r"With probability at least $1-\delta$: $\frac{|B|}m\le p_r+\sqrt{\log(1/\delta)/m}$, where "
            "$p_r$ is the probability that one neuron is in the band."
        ),
        source="proof of Lemma 4",
        proof="The band",
        corrected=(
            r"True as printed, but not because the $m$ indicators were independent: neurons come in pairs. "
            r"One-sided Hoeffding on the $m/2$ independent pairs gives exactly $\sqrt{\log(1/\delta)/m}$."
        ),
    ),
    "LT": Statement(
        title="Lazy training",
        statement=(
            r"Lazy training, or the kernel regime, means $w_i=w_i(0)+u_i$ with "
            r"$\|u_i\|\le\alpha/\sqrt m$ for all $i$. This is a definition; that gradient descent stays so "
            r"for a fixed number of steps, with $\alpha=O(1)$ as $m$ grows, is what is judged."
        ),
        source="definition of lazy training before Lemma 4",
        proof="Lazy training",
        corrected=(
            r"After $t$ steps of size $\eta$ during which the training loss does not grow, for every $m$, "
            r"$$\hat\alpha=\sqrt m\,\max_i\|u_i\|\le\eta\,t\,g\,\max_k\|x_k\|,$$ "
            r"with $g=\sqrt{2L(0)}$ for the squared loss and $g=1$ for the logistic one. Whether or not it "
            r"grows, for $\|x_k\|\le1$, $\hat\alpha\le\frac1n\sum_k|y_k|\,\big((1+\eta)^t-1\big)$ for the "
            r"squared loss and $\hat\alpha\le\eta t$ for the logistic one. In function space wide networks "
            r"are expected to leave their linear twin at a rate that tends to $m^{-1/2}$, because at the "
            r"training inputs the signed error has a mean of that order: argued, not proved (N6). At a fixed "
            r"new input parallel to no training input $E$ itself approaches $m^{-3/4}$: "
            r"$m^{3/2}\,\mathbb E[E^2]\to\frac{\varphi(0)}3\,"
            r"\mathbb E\big[|q(w)^\top x|^3\,\big|\,w^\top x=0\big]$ "
            r"with $q(w)$ the limit of $\sqrt m\,c_iu_i$ given $w_i(0)=w$."
        ),
        figures=("radius", "training_rate", "standing"),
    ),
}
